//! Properties, written once: proptest and the fuzz targets both call them.
