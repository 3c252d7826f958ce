use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    compare_deflate::memory::report(ALLOCATOR, &compare_deflate_longwire::PEERS);
    compare_deflate::memory::report(ALLOCATOR, &compare_deflate_longwire::NARROW);
}
