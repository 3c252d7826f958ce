//! A transport and a clock that answer as a script says.
