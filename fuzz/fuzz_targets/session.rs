#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| longwire_tests::properties::session(input));
