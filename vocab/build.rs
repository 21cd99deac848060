//! Links SentencePiece's trainer, which sentencepiece-sys compiles and leaves aside.

fn main() {
    println!("cargo:rerun-if-changed=src/spm/shim.cpp");
    cc::Build::new().cpp(true).std("c++17").file("src/spm/shim.cpp").compile("vocab_spm_shim");
    println!("cargo:rustc-link-lib=static=sentencepiece_train");
}
