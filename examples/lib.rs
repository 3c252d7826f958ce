//! Longwire by example: see the files beside this one.
