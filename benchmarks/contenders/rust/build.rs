//! Tells the program which crates it was built from, out of the lock file, and which compiler built it.

use std::{env, fs, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    for (crate_name, variable) in [("serde_json", "BENCH_SERDE_JSON"), ("base64", "BENCH_BASE64")] {
        let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{crate_name}\""));
        let version = lines.nth(1).and_then(|line| line.split('"').nth(1)).unwrap_or("unknown");
        println!("cargo:rustc-env={variable}={version}");
    }
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(compiler).arg("--version").output();
    // "rustc 1.63.0 (...)": the second word.
    let text = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    println!("cargo:rustc-env=BENCH_RUSTC={}", text.split_whitespace().nth(1).unwrap_or("unknown"));
}
