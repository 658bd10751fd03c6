//! Finds libtripoint: the folder named by TRIPOINT_LIB_DIR (a build tree's `src`), else what pkg-config says.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=TRIPOINT_LIB_DIR");
    println!("cargo:rustc-link-lib=dylib=tripoint");
    if let Ok(dir) = std::env::var("TRIPOINT_LIB_DIR") {
        println!("cargo:rustc-link-search=native={dir}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}");
        return;
    }
    let found = Command::new("pkg-config").args(["--variable=libdir", "tripoint"]).output();
    match found {
        Ok(answer) if answer.status.success() => {
            let dir = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
            println!("cargo:rustc-link-search=native={dir}");
        }
        _ => panic!(
            "libtripoint was not found: install it (meson install) so that pkg-config knows it, \
             or set TRIPOINT_LIB_DIR to the folder of libtripoint.so"
        ),
    }
}
