"""The page that `qpcjax explore` opens: sliders, live pictures, and a fit of an uploaded trace."""
