//! Tells the program which versions it was built with, for the head of its report.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const NAMED: [&str; 8] = [
    "tungstenite",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "yawc",
    "sockudo-ws",
    "soketto",
    "websocket-sans-io",
];

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let lock = Path::new(&manifest).parent().expect("a workspace around it").join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", lock.display()));
    let versions: Vec<String> = NAMED.iter().map(|name| describe(&text, name)).collect();
    println!("cargo::rustc-env=PEER_VERSIONS={}", versions.join(", "));

    let rustc = env::var("RUSTC").expect("cargo sets it");
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    println!("cargo::rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&output.stdout).trim());
}

fn describe(lock: &str, name: &str) -> String {
    let head = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split(&head).nth(1).and_then(|rest| rest.split('"').next());
    format!("{name} {}", version.unwrap_or_else(|| panic!("{name} is not in Cargo.lock")))
}
