"""What is kept of JAX's compilations: where, how much, and when they do not."""

import os
import sys

import jax
import pytest

import qpcjax
from qpcjax import compilation_cache

NAMES = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
ENABLED = "jax_enable_compilation_cache"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's cache folder, and JAX as it is without settings of the user's."""
    before = {name: getattr(jax.config, name) for name in (*NAMES, ENABLED)}
    for name in NAMES:
        monkeypatch.setenv(name.upper(), "")  # put back to what it was, whatever is set here
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update(ENABLED, True)
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)


def test_compilations_are_kept_in_the_users_cache_folder(home):
    returned = qpcjax.enable_compilation_cache()
    folder = jax.config.jax_compilation_cache_dir
    assert str(returned) == folder
    assert folder == os.environ["JAX_COMPILATION_CACHE_DIR"]
    assert folder.startswith(str(home / "cache" / "qpcjax" / "compiled"))
    assert os.path.isdir(folder)


def test_another_processor_has_a_folder_of_its_own(home, monkeypatch):
    mine = compilation_cache.cache_folder()
    assert mine == compilation_cache.cache_folder()
    monkeypatch.setattr(compilation_cache, "_instructions", lambda: ["avx2", "fma"])
    assert compilation_cache.cache_folder() != mine


def test_what_the_user_chose_is_left_alone(home):
    jax.config.update("jax_compilation_cache_dir", str(home / "mine"))
    assert qpcjax.enable_compilation_cache() == home / "mine"
    assert jax.config.jax_compilation_cache_dir == str(home / "mine")
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update(ENABLED, False)
    assert qpcjax.enable_compilation_cache() is None
    assert jax.config.jax_compilation_cache_dir is None
    assert not (home / "cache").exists()


def test_a_home_that_cannot_be_written_is_no_error(home):
    (home / "cache").write_text("a file")
    assert qpcjax.enable_compilation_cache() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_a_user_without_a_home_is_no_error(home, monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compilation_cache.Path, "home", nowhere)
    assert qpcjax.enable_compilation_cache() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_the_oldest_are_forgotten_first(home, monkeypatch):
    folder = compilation_cache.cache_folder()
    folder.mkdir(parents=True)
    for k in range(5):
        path = folder / f"{k}-cache"
        path.write_bytes(bytes(100))
        os.utime(path, (k, k))
    (folder / "of-somebody").write_bytes(bytes(1000))
    monkeypatch.setattr(compilation_cache, "_MOST", 250)
    qpcjax.enable_compilation_cache()
    assert sorted(p.name for p in folder.iterdir()) == ["3-cache", "4-cache", "of-somebody"]
