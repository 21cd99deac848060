//! Builds the kernels, and the shim to cuDNN, where the program is built for GPUs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

const KERNELS: [&str; 10] = [
    "adamw",
    "attention",
    "cross_entropy",
    "decode",
    "dropout",
    "embedding",
    "likeliest",
    "rms_norm",
    "rope",
    "swiglu",
];

fn main() {
    println!("cargo:rerun-if-changed=kernels");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    for variable in ["NVCC", "CUDA_HOME", "CUDNN_FRONTEND_INCLUDE", "CUDNN_INCLUDE"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let builds = KERNELS.map(|kernel| {
        let mut command = Command::new(env::var_os("NVCC").unwrap_or("nvcc".into()));
        command.args(["-O3", "-std=c++17", "--fatbin", "-o"]).arg(out.join(format!("{kernel}.fatbin")));
        for capability in ["80", "90"] {
            command.arg(format!("-gencode=arch=compute_{capability},code=sm_{capability}"));
        }
        // Exponentials take most of attention's time beside its products.
        if kernel == "attention" {
            command.arg("--use_fast_math");
        }
        command.arg(format!("kernels/{kernel}.cu"));
        (kernel, command.spawn().unwrap_or_else(|e| panic!("nvcc, which a build for GPUs needs: {e}")))
    });
    for (kernel, mut build) in builds {
        let status = build.wait().expect("nvcc runs");
        assert!(status.success(), "kernels/{kernel}.cu does not build");
    }
    build_attention();
}

/// cuDNN's headers are enough: the library itself is looked for when the program runs.
fn build_attention() {
    let variables = ["CUDNN_FRONTEND_INCLUDE", "CUDNN_INCLUDE"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let toolkit = env::var_os("CUDA_HOME").map_or("/usr/local/cuda".into(), PathBuf::from).join("include");
    let folders: Vec<PathBuf> =
        variables.chain([toolkit, "/usr/include".into()]).filter(|path| path.is_dir()).collect();
    let has = |header: &str| folders.iter().any(|folder: &PathBuf| Path::new(folder).join(header).exists());
    let missing = ["cudnn_frontend.h", "cudnn.h", "nvrtc.h"].into_iter().find(|header| !has(header));
    let source = match missing {
        None => "kernels/attention_cudnn.cpp",
        Some(header) => {
            println!("cargo:warning=no {header}: attention by our own kernels, which are slower than cuDNN's");
            "kernels/attention_absent.cpp"
        }
    };
    let mut build = cc::Build::new();
    // The system's folder last, as the compiler has it by itself.
    build.includes(folders.iter().filter(|folder| **folder != Path::new("/usr/include")));
    build.cpp(true).std("c++17").warnings(false).file(source).compile("trainer_attention");
}
