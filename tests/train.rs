//! `just train`, `just instruct` and `just export` on the sample; and runs that are killed, stopped, starved and split.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use corpus_format::reader::hash_file;

use crate::support::{self, arg, pipeline_ok, program};

/// A corpus and a tokenizer of the Constitution, made once for all tests of this file.
pub fn shared() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let shards = folder.path().join("shards");
        pipeline_ok(&["build", "--out", arg(&shards)]);
        train_tokenizer(&shards, &folder.path().join("tokenizer"), 200);
        folder
    };
    FOLDER.get_or_init(make).path()
}

/// Train a tokenizer with `num_pieces` legal pieces.
fn train_tokenizer(shards: &Path, out: &Path, num_pieces: u32) {
    let config = out.with_extension("toml");
    let text = format!(
        "corpus = {shards:?}\noutput = {out:?}\n[train]\nnum_pieces = {num_pieces}\n\
         [base]\nvocab_size = 3300\ncharacter_coverage = 0.99\n"
    );
    fs_err::write(&config, text).expect("written");
    let output = program("vocab").args(["train", arg(&config)]).output().expect("vocab starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A configuration of a model of a few thousand numbers, in `folder`, its run in `folder/run`.
pub fn tiny(folder: &Path, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = format!(
        r#"
task = "pretrain"
output = {:?}
corpus = {:?}
tokenizer = {:?}
[model.new]
hidden_size = 16
intermediate_size = 24
num_hidden_layers = 2
num_attention_heads = 4
num_key_value_heads = 2
[data]
seq_len = 48
[train]
rows = 4
part_rows = 2
steps = 14
[optimizer]
learning_rate = 1e-2
warmup_steps = 3
[checkpoint]
every = 3
keep = 2
[evaluate]
every = 5
bytes = 600
"#,
        folder.join("run"),
        shared().join("shards"),
        shared().join("tokenizer"),
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let path = folder.join("config.toml");
    fs_err::write(&path, text).expect("written");
    path
}

/// A copy of the corpus, to be damaged.
fn copied_shards(folder: &Path) -> PathBuf {
    let copy = folder.join("shards");
    let copied = Command::new("cp").args(["-r", arg(&shared().join("shards")), arg(&copy)]).status().expect("cp runs");
    assert!(copied.success());
    copy
}

fn trainer(arguments: &[&str]) -> (bool, String) {
    let output = program("trainer").args(arguments).output().expect("the trainer starts");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

fn train_ok(arguments: &[&str]) -> String {
    let (ok, printed) = trainer(&[&["train"], arguments].concat());
    assert!(ok, "{printed}");
    printed
}

/// What a run computed: loss, norm, learning rate and validation by step, as they are written in its metrics, and the
/// hashes of the last checkpoint's files.
fn computed(run: &Path) -> (BTreeMap<u64, Vec<String>>, BTreeMap<String, String>) {
    let text = fs_err::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let line = |line: &str| {
        let number = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap_or_default();
            rest.split([',', '}']).next().unwrap_or_default().to_owned()
        };
        let values = ["loss", "gradient_norm", "learning_rate", "bits_per_byte"].map(number).to_vec();
        (number("step").parse().expect("a step"), values)
    };
    let steps: BTreeMap<u64, Vec<String>> = text.lines().map(line).collect();
    assert_eq!(steps.len(), text.lines().count(), "each step once");
    let last = *steps.keys().last().expect("a step");
    (steps, support::hashes(&run.join(format!("checkpoints/step-{last:08}"))))
}

/// A number of a step in what a run computed: its loss, norm, learning rate or bits a byte.
fn number(run: &Path, step: u64, at: usize) -> f64 {
    computed(run).0[&step][at].parse().expect("a number")
}

/// Start ranks beside each other, each with its own configuration.
fn start_ranks(configs: &[&Path], arguments: &[&str]) -> Vec<std::process::Child> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let start = |(rank, config): (usize, &&Path)| {
        program("trainer")
            .args(["train", arg(config)])
            .args(arguments)
            .envs([("RANK", rank.to_string()), ("WORLD_SIZE", configs.len().to_string())])
            .env("MASTER_PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts")
    };
    configs.iter().enumerate().map(start).collect()
}

/// Run ranks beside each other: how each ended, and what it said.
fn ranks(configs: &[&Path], arguments: &[&str]) -> Vec<(bool, String)> {
    let end = |child: std::process::Child| {
        let output = child.wait_with_output().expect("waited");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    start_ranks(configs, arguments).into_iter().map(end).collect()
}

#[test]
fn just_train_instruct_and_export_make_a_model_whose_loss_falls() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = |name: &str, from: &str| {
        let text = fs_err::read_to_string(support::root().join("trainer/configs").join(from)).expect("the default");
        let text = text.replace("data/runs", arg(&folder.path().join("runs")));
        let places = format!("corpus = {:?}\ntokenizer = {:?}\n", shared().join("shards"), shared().join("tokenizer"));
        let path = folder.path().join(name);
        fs_err::write(&path, text.replacen("output =", &format!("{places}output ="), 1)).expect("written");
        path
    };
    let just = |arguments: &[&str]| {
        let output = support::as_a_user("just").args(arguments).output().expect("just starts");
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{printed}");
        printed
    };
    let loss = |printed: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix("loss ")).expect("a loss").trim();
        let numbers: Vec<f64> = line.split([' ', '→']).filter_map(|word| word.parse().ok()).collect();
        (numbers[0], numbers[1])
    };
    let (first, last) = loss(&just(&["train", arg(&here("smoke.toml", "smoke.toml"))]));
    assert!(last < first - 0.8, "{first} → {last}");
    let run = folder.path().join("runs/smoke");
    just(&["export", arg(&run)]);
    let card = fs_err::read_to_string(run.join("model/README.md")).expect("a card");
    assert!(card.contains("It may state the law wrongly") && card.contains("SHA-256"), "{card}");
    for name in ["config.json", "model.safetensors", "tokenizer.model", "tokenizer.json"] {
        assert!(run.join("model").join(name).exists(), "{name}");
    }
    let page = fs_err::read_to_string(run.join("report.html")).expect("a page");
    assert!(page.contains("validation, bits a byte") && !page.contains("http"));
    let events = fs_err::read(run.join("tensorboard/events.out.tfevents.0000000000.lawlm")).expect("events");
    assert_eq!(&events[..8], &24u64.to_le_bytes(), "the first record is the version");

    let (first, last) = loss(&just(&["instruct", arg(&here("instruct.toml", "smoke-instruct.toml"))]));
    assert!(last < first, "{first} → {last}");
}

#[test]
fn killed_at_random_moments_and_resumed_computes_the_same_bits() {
    let expected = tempfile::tempdir().expect("a folder");
    let started = std::time::Instant::now();
    train_ok(&[arg(&tiny(expected.path(), &[]))]);
    let mut killer = support::Killer::new(started.elapsed());
    let expected = computed(&expected.path().join("run"));

    let mut killed = 0;
    while killed < 20 {
        let folder = tempfile::tempdir().expect("a folder");
        let config = tiny(folder.path(), &[]);
        // A run is killed up to three times before it is let through.
        for _ in 0..3 {
            if !killer.kills(program("trainer").args(["train", arg(&config), "--resume"])) {
                break;
            }
            killed += 1;
        }
        train_ok(&[arg(&config), "--resume"]);
        assert_eq!(computed(&folder.path().join("run")), expected);
        let left = fs_err::read_dir(folder.path().join("run/checkpoints")).expect("listed");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(left.iter().all(|name| name.to_string_lossy().starts_with("step-")) && left.len() <= 3, "{left:?}");
    }
}

#[test]
fn a_signal_in_the_middle_writes_a_checkpoint_and_resuming_computes_the_same_bits() {
    // Long steps of many parts, so that the signal comes inside one.
    let changes = [
        ("rows = 4\npart_rows = 2\nsteps = 14", "rows = 96\npart_rows = 1\nsteps = 6"),
        ("every = 3\n", "every = 100\n"),
    ];
    let expected = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(expected.path(), &changes))]);
    let expected = computed(&expected.path().join("run"));
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = tiny(folder.path(), &changes);
        let child = program("trainer")
            .args(["train", arg(&config)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let lines = folder.path().join("run/metrics.jsonl");
        let num_steps = || fs_err::read_to_string(&lines).map_or(0, |text| text.lines().count());
        while num_steps() < 2 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let output = child.wait_with_output().expect("waited");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains("stopped; --resume goes on"), "{printed}");
        train_ok(&[arg(&config), "--resume"]);
        assert_eq!(computed(&folder.path().join("run")), expected);
    }
}

#[test]
fn a_full_disk_and_a_damaged_checkpoint_cost_the_steps_since_the_one_before() {
    let expected = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(expected.path(), &[]))]);
    let expected = computed(&expected.path().join("run"));

    let folder = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 14\nmax_skipped = 10")]))]);
    let run = folder.path().join("run");
    // The last checkpoint is cut short: the one before is gone on from.
    let last = run.join("checkpoints/step-00000014/first.safetensors");
    let bytes = fs_err::read(&last).expect("read");
    fs_err::write(&last, &bytes[..bytes.len() / 2]).expect("written");
    let config = tiny(folder.path(), &[]);
    let printed = train_ok(&[arg(&config), "--resume"]);
    assert!(printed.contains("left aside") && printed.contains("first.safetensors: damaged"), "{printed}");
    assert_eq!(computed(&run), expected);

    // No file may grow beyond 64 KiB: what a full disk is to a writer. What was there stays.
    let folder = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 3")]))]);
    let config = tiny(folder.path(), &[]);
    let run = folder.path().join("run");
    let checkpoint = run.join("checkpoints/step-00000003");
    let before = support::hashes(&checkpoint);
    let limited = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(program("trainer").get_program())
        .args(["train", arg(&config), "--resume"])
        .output()
        .expect("bash starts");
    let printed = String::from_utf8_lossy(&limited.stderr);
    assert!(!limited.status.success() && printed.to_lowercase().contains("too large"), "{printed}");
    assert_eq!(support::hashes(&checkpoint), before);
    let printed = train_ok(&[arg(&config), "--resume"]);
    assert!(printed.contains("14 of 14"), "{printed}");
}

/// How a test gets mounts of its own, which end with it: as root, or as the root of a user namespace.
fn own_mounts(folder: &Path) -> Option<&'static str> {
    let probe = "mount -t tmpfs -o size=1m tmpfs \"$0\" && mount -o remount,size=2m \"$0\"";
    ["-m", "-rm"].into_iter().find(|namespace| {
        let tried = Command::new("unshare").args([*namespace, "bash", "-c", probe, arg(folder)]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn a_disk_without_room_keeps_the_checkpoint_before_and_the_same_command_goes_on_with_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(namespace) = own_mounts(folder.path()) else {
        // Past the harness, which shows what a test prints only where it fails.
        let line = b"SKIPPED: a full disk was not tried: no tmpfs can be mounted here\n";
        std::io::stderr().write_all(line).expect("written");
        return;
    };
    let all_are_kept = [("keep = 2", "keep = 99")];
    let expected = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(expected.path(), &all_are_kept))]);
    let expected = expected.path().join("run");
    let first = expected.join("checkpoints/step-00000003");
    let num_bytes = |entry: std::io::Result<fs_err::DirEntry>| {
        entry.and_then(|entry| entry.metadata()).expect("a file of the checkpoint").len()
    };
    let checkpoint_bytes: u64 = fs_err::read_dir(&first).expect("listed").map(num_bytes).sum();

    // Room for the first checkpoint and half of the second; then for all of them.
    let script = r#"
        mount -t tmpfs -o size="$1" tmpfs "$2" || exit 1
        "$3" train "$4" --resume; echo "with little room: $?"
        cp -r "$2/checkpoints" "$5"
        mount -o remount,size=100m "$2" || exit 1
        "$3" train "$4" --resume; echo "with more room: $?"
        cp -r "$2" "$6"
    "#;
    let config = tiny(folder.path(), &all_are_kept);
    let [run, left, whole] = ["run", "left", "whole"].map(|name| folder.path().join(name));
    fs_err::create_dir_all(&run).expect("made");
    let output = Command::new("unshare")
        .args([namespace, "bash", "-c", script, "bash", &(checkpoint_bytes * 3 / 2).to_string(), arg(&run)])
        .arg(program("trainer").get_program())
        .args([&config, &left, &whole])
        .output()
        .expect("unshare starts");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(printed.contains("with little room: 1") && printed.contains("No space left on device"), "{printed}");
    assert!(printed.contains("with more room: 0") && printed.contains("14 of 14"), "{printed}");
    let before = support::hashes(&first).into_iter();
    let before: BTreeMap<_, _> = before.map(|(name, hash)| (format!("step-00000003/{name}"), hash)).collect();
    assert_eq!(support::hashes(&left), before, "the checkpoint before, and nothing else");
    assert_eq!(computed(&whole), computed(&expected));
}

#[test]
fn without_a_terminal_a_run_says_how_long_is_left_and_where_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 3"), ("every = 5", "every = 9")]))]);
    let left = |step: &str| printed.lines().find(|line| line.starts_with(step)).expect("a step").to_owned();
    assert!(left("step 1/3").contains(" s left") && left("step 3/3").ends_with(" about 0 s left"), "{printed}");
    // Measured before the first step and after the last: in the lines, the events and the page.
    let run = folder.path().join("run");
    let measured: Vec<u64> =
        computed(&run).0.iter().filter(|(_, values)| !values[3].is_empty()).map(|(step, _)| *step).collect();
    assert_eq!(measured, [0, 3]);
    let events = fs_err::read(run.join("tensorboard/events.out.tfevents.0000000000.lawlm")).expect("events");
    let count = |text: &[u8]| events.windows(text.len()).filter(|window| *window == text).count();
    assert_eq!((count(b"validation/bits_per_byte"), count(b"train/loss")), (2, 3));
    let page = fs_err::read_to_string(run.join("report.html")).expect("a page");
    let curve = |name: &str| page.split(name).nth(2).expect("a curve").split("</figure>").next().expect("its end");
    assert_eq!(curve("validation, bits a byte").matches("step 0").count(), 1, "{page}");
    assert!(
        curve("learning rate").contains("step 1<") && page.contains("3 steps, ") && page.contains("0 steps skipped")
    );
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let ends_at_once = || {
        let folder = tempfile::tempdir().expect("a folder");
        // Steps that are not cut into parts, so that the first signal waits for one to end.
        let config = tiny(folder.path(), &[("rows = 4\npart_rows = 2", "rows = 256\npart_rows = 256")]);
        let mut child = program("trainer")
            .args(["train", arg(&config)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let lines = folder.path().join("run/metrics.jsonl");
        while fs_err::read_to_string(&lines).map_or(0, |text| text.lines().count()) < 2 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let twice = format!("kill -s INT {0}; sleep 0.02; kill -s INT {0}", child.id());
        let _gone_already = Command::new("bash").args(["-c", &twice]).status().expect("bash runs");
        child.wait().expect("waited").code() == Some(130)
    };
    // Now and then a step ends between the two signals, and the run with it, as after the first one alone.
    assert!((0..5).any(|_| ends_at_once()));
}

#[test]
fn epochs_say_how_long_a_run_is_and_the_smaller_number_counts() {
    let steps = |printed: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix("steps ")).expect("steps").trim().to_owned();
        let (done, all) = line.split_once(" of ").expect("two numbers");
        assert_eq!(done, all);
        all.parse::<u64>().expect("a number")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (all, few) = (shared().join("shards"), folder.path().join("shards"));
    let judgments = support::root().join("data-manifests/sample/spc-judgments");
    pipeline_ok(&["build", "--source", &format!("judgment={}", judgments.display()), "--out", arg(&few)]);
    let some = [(arg(&all), arg(&few)), ("seq_len = 48", "seq_len = 128"), ("keep = 2", "keep = 99"), ("= 600", "= 0")];
    let train = |folder: &Path, length: &str, arguments: &[&str]| {
        let config = tiny(folder, &[&some[..], &[("steps = 14", length)]].concat());
        steps(&train_ok(&[&[arg(&config)], arguments].concat()))
    };
    let expected = tempfile::tempdir().expect("a folder");
    let whole = train(expected.path(), "epochs = 2", &[]);
    let once = tempfile::tempdir().expect("a folder");
    let one = train(once.path(), "epochs = 1", &[]);
    assert!(one > 3 && (2 * one - 1..=2 * one).contains(&whole), "{one} {whole}");

    // What was begun with one epoch has another schedule; its length is counted again, and the rest is read.
    assert_eq!(train(once.path(), "epochs = 2", &["--resume"]), whole);
    let both = tempfile::tempdir().expect("a folder");
    assert_eq!(train(both.path(), "epochs = 2\nsteps = 1000000", &[]), whole);
    assert_eq!(computed(&both.path().join("run")), computed(&expected.path().join("run")), "and so is the schedule");
    let cut = tempfile::tempdir().expect("a folder");
    assert_eq!(train(cut.path(), "epochs = 2\nsteps = 3", &[]), 3);

    // Killed in the middle, it goes on to the same end.
    let killed = tempfile::tempdir().expect("a folder");
    let config = tiny(killed.path(), &[&some[..], &[("steps = 14", "epochs = 2")]].concat());
    let mut child = program("trainer")
        .args(["train", arg(&config)])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    while !killed.path().join("run/checkpoints/step-00000003").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    child.wait().expect("waited");
    train_ok(&[arg(&config), "--resume"]);
    assert_eq!(computed(&killed.path().join("run")), computed(&expected.path().join("run")));
}

#[test]
fn a_run_is_not_gone_on_with_by_other_settings_or_another_base() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 3")]))]);
    let before = support::hashes(&run);
    let refused = |config: &Path, expected: &str| {
        let (ok, printed) = trainer(&["train", arg(config), "--resume"]);
        assert!(!ok && printed.contains(expected), "{expected}: {printed}");
    };
    for (from, to, expected) in [
        ("seq_len = 48", "seq_len = 64", "data.seq_len was 48 and is 64"),
        ("task = \"pretrain\"", "task = \"instruct\"", "task was \"pretrain\" and is \"instruct\""),
        ("[model.new]", "seed = 3\n[model.new]", "seed was 0 and is 3"),
        ("hidden_size = 16", "hidden_size = 32", "model.new.hidden_size was 16 and is 32"),
        ("learning_rate = 1e-2", "learning_rate = 1e-3", "optimizer.learning_rate was 0.01 and is 0.001"),
        ("[optimizer]", "[lora]\n[optimizer]", "lora was null and is {"),
    ] {
        refused(&tiny(folder.path(), &[(from, to)]), expected);
    }
    assert_eq!(support::hashes(&run), before);
    // How a run goes on, not what it learns.
    let config =
        tiny(folder.path(), &[("part_rows = 2", "part_rows = 1"), ("every = 3\nkeep = 2", "every = 2\nkeep = 1")]);
    train_ok(&[arg(&config), "--resume"]);

    // The base: another folder with the same files is the same one.
    let (ok, printed) = trainer(&["export", arg(&run)]);
    assert!(ok, "{printed}");
    let text = fs_err::read_to_string(tiny(folder.path(), &[("steps = 14", "steps = 3")])).expect("read");
    let (head, tail) = text.split_once("[model.new]").expect("a model");
    let tail = tail.split_once("[data]").expect("data").1;
    let path = folder.path().join("next.toml");
    let with_base = |base: &Path, steps: &str| {
        let text = format!("{head}[model]\nbase = {base:?}\n[data]{tail}").replace("/run\"", "/next\"");
        fs_err::write(&path, text.replace("\nsteps = 3", &format!("\n{steps}"))).expect("written");
    };
    let model = run.join("model");
    with_base(&model, "steps = 3");
    train_ok(&[arg(&path)]);
    let moved = folder.path().join("moved");
    assert!(Command::new("cp").args(["-r", arg(&model), arg(&moved)]).status().expect("cp runs").success());
    with_base(&moved, "steps = 5");
    train_ok(&[arg(&path), "--resume"]);
    let next = folder.path().join("next");
    let (ok, printed) = trainer(&["export", arg(&next)]);
    assert!(ok, "{printed}");
    let card = fs_err::read_to_string(next.join("model/README.md")).expect("a card");
    let sums = "cd \"$0\" && sha256sum config.json model.safetensors | sha256sum";
    let sums = Command::new("bash").args(["-c", sums, arg(&moved)]).output().expect("bash runs").stdout;
    let sum = String::from_utf8_lossy(&sums).split(' ').next().expect("a sum").to_owned();
    assert!(sum.len() == 64 && card.contains(&sum), "{sum}: {card}");

    let config = moved.join("config.json");
    let text = fs_err::read_to_string(&config).expect("read");
    fs_err::write(&config, text.replace("\"rope_theta\": 10000.0", "\"rope_theta\": 20000.0")).expect("written");
    with_base(&moved, "steps = 7");
    refused(&path, "made with another base, or its files have changed");
    let (ok, printed) = trainer(&["export", arg(&next)]);
    assert!(!ok && printed.contains("made with another base"), "{printed}");

    // Another tokenizer than the one that was trained with.
    let (of_run, other) = (run.join("config.json"), folder.path().join("tokenizer"));
    train_tokenizer(&shared().join("shards"), &other, 150);
    let text = fs_err::read_to_string(&of_run).expect("read");
    fs_err::write(&of_run, text.replace(arg(&shared().join("tokenizer")), arg(&other))).expect("written");
    let (ok, printed) = trainer(&["export", arg(&run)]);
    assert!(!ok && printed.contains("made with another tokenizer"), "{printed}");
}

#[test]
fn an_export_replaces_exports_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 2")]))]);
    let export = |out: &Path| trainer(&["export", arg(&run), "--out", arg(out)]);
    let refused = |out: &Path, expected: &str| {
        let before = support::hashes(folder.path());
        let (ok, printed) = export(out);
        assert!(!ok && printed.contains(expected), "{expected}: {printed}");
        assert_eq!(support::hashes(folder.path()), before);
    };
    refused(&run, "which the export is made of");
    refused(&folder.path().join("run/../run"), "which the export is made of");
    refused(folder.path(), "which the export is made of");
    refused(&shared().join("tokenizer"), "which the export is made of");

    let out = folder.path().join("out");
    assert!(export(&out).0);
    let written = support::hashes(&out);
    // One that is there gives way, and leaves nothing.
    fs_err::write(out.join("README.md"), "old").expect("written");
    fs_err::write(out.join("model-00001-of-00002.safetensors"), "old").expect("written");
    assert!(export(&out).0);
    assert_eq!(support::hashes(&out), written);
    let names: Vec<_> =
        fs_err::read_dir(folder.path()).expect("listed").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");

    // Somebody's own: another run, a base with a file of its own, notes.
    let other = folder.path().join("other");
    fs_err::create_dir_all(other.join("checkpoints")).expect("made");
    fs_err::write(other.join("config.json"), "{}").expect("written");
    refused(&other, "holds `checkpoints`, which no export writes");
    fs_err::create_dir(out.join("adapter")).expect("made");
    fs_err::write(out.join("adapter/notes.txt"), "mine").expect("written");
    refused(&out, "holds `notes.txt`, which no export writes");
    let notes = folder.path().join("notes");
    fs_err::create_dir(&notes).expect("made");
    fs_err::write(notes.join("README.md"), "mine").expect("written");
    refused(&notes, "holds no model; it is left alone");

    // The base of a run is an export like any other, and stays.
    let text = fs_err::read_to_string(tiny(folder.path(), &[("steps = 14", "steps = 2")])).expect("read");
    let (head, tail) = text.split_once("[model.new]").expect("a model");
    let tail = tail.split_once("[data]").expect("data").1;
    let base = run.join("model");
    assert!(export(&base).0);
    let path = folder.path().join("next.toml");
    let text = format!("{head}[model]\nbase = {base:?}\n[data]{tail}").replace("/run\"", "/next\"");
    fs_err::write(&path, text).expect("written");
    train_ok(&[arg(&path)]);
    let before = support::hashes(folder.path());
    let (ok, printed) = trainer(&["export", arg(&folder.path().join("next")), "--out", arg(&base)]);
    assert!(!ok && printed.contains("which the export is made of"), "{printed}");
    assert_eq!(support::hashes(folder.path()), before);

    // What a killed export left does not keep a run from being removed.
    fs_err::create_dir(run.join("exporting-abc")).expect("made");
    train_ok(&[arg(&tiny(folder.path(), &[("steps = 14", "steps = 2")])), "--fresh"]);
    assert!(!run.join("exporting-abc").exists());
}

#[test]
fn two_ranks_compute_what_one_does() {
    let one = tempfile::tempdir().expect("a folder");
    train_ok(&[arg(&tiny(one.path(), &[]))]);
    let two = tempfile::tempdir().expect("a folder");
    let config = tiny(two.path(), &[]);
    let both = |arguments: &[&str]| {
        for (ok, printed) in ranks(&[&config, &config], arguments) {
            assert!(ok, "{printed}");
        }
    };
    both(&[]);
    let losses = |run: &Path| -> Vec<f64> {
        let steps = computed(&run.join("run")).0;
        steps
            .range(1..)
            .flat_map(|(_, values)| [&values[0], &values[1]].map(|n| n.parse().expect("a number")))
            .collect()
    };
    let (one, first) = (losses(one.path()), losses(two.path()));
    assert_eq!((one.len(), first.len()), (28, 28));
    for (a, b) in one.iter().zip(&first) {
        assert!((a / b - 1.0).abs() < 1e-4, "{a} {b}");
    }

    // One of them removes the run, before the other looks.
    both(&["--fresh"]);
    assert_eq!(losses(two.path()), first);

    // A rank that sees another folder goes on from another step: all of them say so.
    let other = tempfile::tempdir().expect("a folder");
    let alone = tiny(other.path(), &[("steps = 14", "steps = 3")]);
    train_ok(&[arg(&alone)]);
    let before = support::hashes(&two.path().join("run"));
    for (ok, printed) in ranks(&[&config, &tiny(other.path(), &[])], &["--resume"]) {
        assert!(!ok && printed.contains("all ranks have to see the same folder"), "{printed}");
    }
    assert_eq!(support::hashes(&two.path().join("run")), before);
}

/// The settings of `tiny` for the engine whose ranks share masters and moments.
const FUSED: (&str, &str) = ("[optimizer]\n", "[engine]\nkind = \"fused\"\n[optimizer]\nschedule = \"constant\"\n");

#[test]
fn ranks_that_share_masters_and_moments_compute_what_one_does_and_go_on_in_any_number() {
    let lora = ("[engine]", "[lora]\nrank = 2\ndropout = 0.0\nmodules_to_save = [\"embed_tokens\"]\n[engine]");
    let few = ("rows = 4", "rows = 2");
    let tied = ("[data]", "tie_word_embeddings = true\n[data]");
    for more in [vec![], vec![lora], vec![few], vec![few, tied]] {
        let changes = [vec![FUSED], more].concat();
        let one = tempfile::tempdir().expect("a folder");
        train_ok(&[arg(&tiny(one.path(), &changes))]);
        // Three ranks begin, of which one has no rows where there are few; two go on, and one ends alone.
        let many = tempfile::tempdir().expect("a folder");
        for (world, steps, begin) in
            [(3, "steps = 5", "--fresh"), (2, "steps = 10", "--resume"), (1, "steps = 14", "--resume")]
        {
            let config = tiny(many.path(), &[&changes[..], &[("steps = 14", steps)]].concat());
            for (ok, printed) in ranks(&vec![config.as_path(); world], &[begin]) {
                assert!(ok, "{world}: {printed}");
            }
        }
        for step in 1..=14 {
            for at in 0..2 {
                let (a, b) = (number(&one.path().join("run"), step, at), number(&many.path().join("run"), step, at));
                // Sums of f32 in another order: updates divide by gradients that are next to nothing.
                assert!((a / b - 1.0).abs() < 1e-3, "{changes:?}: step {step}: {a} {b}");
            }
        }
    }
}

#[test]
fn a_rank_that_dies_stops_the_others_with_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = tiny(folder.path(), &[FUSED, ("steps = 14", "steps = 100000")]);
    let mut children = start_ranks(&[&config, &config, &config], &[]);
    let lines = folder.path().join("run/metrics.jsonl");
    while !fs_err::read_to_string(&lines).is_ok_and(|text| text.lines().count() > 4) {
        std::thread::sleep(Duration::from_millis(5));
    }
    children[1].kill().expect("killed");
    for (rank, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().expect("waited");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        // Rank 0 misses rank 1; the other misses rank 0, which has ended.
        let gone = ["rank 1 is gone", "", "rank 0 is gone"][rank];
        assert!(printed.contains(gone), "{rank}: {printed}");
    }
    // What was written last is whole: one process goes on from it.
    let config = tiny(folder.path(), &[FUSED, ("steps = 14", "steps = 4")]);
    assert!(train_ok(&[arg(&config), "--resume"]).contains("of 4"));
}

#[test]
fn adapters_are_trained_exported_and_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = tiny(
        folder.path(),
        &[("[optimizer]", "[lora]\nrank = 2\nalpha = 8.0\nmodules_to_save = [\"lm_head\"]\n[optimizer]")],
    );
    train_ok(&[arg(&config)]);
    let run = folder.path().join("run");
    let (ok, printed) = trainer(&["export", arg(&run)]);
    assert!(ok && printed.contains("adapter    "), "{printed}");
    let adapter = fs_err::read_to_string(run.join("model/adapter/adapter_config.json")).expect("PEFT's configuration");
    let adapter: serde_json::Value = serde_json::from_str(&adapter).expect("JSON");
    assert_eq!((&adapter["r"], &adapter["lora_alpha"]), (&2.into(), &8.0.into()));

    // The merged model starts where the adapter ended: its first loss is near the last one.
    let next = tempfile::tempdir().expect("a folder");
    let text = fs_err::read_to_string(tiny(next.path(), &[])).expect("read");
    let (before, after) = text.split_once("[model.new]").expect("a model");
    let after = after.split_once("[data]").expect("data").1;
    let base = format!("{before}[model]\nbase = {:?}\n[data]{after}", run.join("model"));
    let path = next.path().join("config.toml");
    fs_err::write(&path, &base).expect("written");
    train_ok(&[arg(&path)]);
    assert!(number(&next.path().join("run"), 1, 0) < number(&run, 1, 0) - 0.2);

    // The adapter's base was new: it lies beside it, and the two together are what was trained.
    let folder_of_base = run.join("model/base");
    assert_eq!(adapter["base_model_name_or_path"].as_str(), folder_of_base.to_str());
    let both = format!("base = {folder_of_base:?}\nadapter = {:?}\n[data]", run.join("model/adapter"));
    let both = format!("{before}[model]\n{both}{after}").replace("/run\"", "/both\"");
    fs_err::write(&path, both.replace("steps = 14", "steps = 1")).expect("written");
    train_ok(&[arg(&path)]);
    let (end, start) = (number(&run, 14, 3), number(&next.path().join("both"), 0, 3));
    assert!((start / end - 1.0).abs() < 1e-6, "{start} {end}");

    // An adapter on a model of another size is an error, not a model without it.
    let adapted = base.replace("[data]", &format!("adapter = {:?}\n[data]", run.join("model/adapter")));
    let smaller = run.join("model/config.json");
    fs_err::write(&path, adapted.replace("/run\"", "/other\"")).expect("written");
    train_ok(&[arg(&path)]);
    let text = fs_err::read_to_string(&smaller).expect("read");
    fs_err::write(&smaller, text.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 8")).expect("written");
    let (ok, printed) = trainer(&["train", arg(&path), "--fresh"]);
    assert!(!ok && (printed.contains("config.json asks for") || printed.contains("the model asks for")), "{printed}");
}

#[test]
fn what_cannot_be_trained_is_an_error_and_does_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |changes: &[(&str, &str)], expected: &str| {
        let (ok, printed) = trainer(&["train", arg(&tiny(folder.path(), changes))]);
        assert!(!ok && printed.contains(expected), "{changes:?}: {printed}");
        assert!(!folder.path().join("run/checkpoints").exists());
    };
    refused(&[("steps = 14", "steps = 14\ncolour = 1")], "unknown field `colour`");
    refused(&[("rows = 4\npart", "rows = 0\npart")], "train.rows is 0");
    refused(&[("steps = 14", "steps = 0")], "train.steps is 0");
    refused(&[("steps = 14", "epochs = 0")], "train.epochs is 0");
    refused(&[("[optimizer]", "[lora]\nalpha = inf\n[optimizer]")], "lora.alpha is inf");
    refused(
        &[
            ("[data]", "tie_word_embeddings = true\n[data]"),
            ("[optimizer]", "[lora]\nmodules_to_save = [\"lm_head\"]\n[optimizer]"),
        ],
        "this model's head is its embedding",
    );
    refused(&[("[model.new]", "[model]\n[model.ne]")], "ne");
    refused(
        &[("seq_len = 48", "seq_len = 48\nweights = { novel = 1.0 }")],
        "there is no kind `novel` in this corpus; it has",
    );
    refused(&[("/shards", "/absent")], "no index.json");
    refused(&[("/tokenizer", "/absent")], "there is no tokenizer; run `just train-vocab`");
    refused(&[("num_attention_heads = 4", "num_attention_heads = 3")], "num_attention_heads");
    refused(&[("[optimizer]", "[lora]\ntargets = [\"x_proj\"]\n[optimizer]")], "lora.targets names `x_proj`");
    refused(
        &[("task = \"pretrain\"", "task = \"instruct\""), ("seq_len = 48", "seq_len = 4")],
        "nothing to learn from",
    );
    refused(
        &[
            ("task = \"pretrain\"", "task = \"instruct\""),
            ("seq_len = 48", "seq_len = 48\ntemplate = \"absent.jinja\""),
        ],
        "absent.jinja",
    );

    // The fixture's model has 101 rows, and the map of this tokenizer means another base.
    let base = support::root().join("trainer/tests/fixture/model");
    let text = fs_err::read_to_string(tiny(folder.path(), &[])).expect("read");
    let (before, after) = text.split_once("[model.new]").expect("a model");
    let after = after.split_once("[data]").expect("data").1;
    let other = folder.path().join("other.toml");
    fs_err::write(&other, format!("{before}[model]\nbase = {base:?}\n[data]{after}")).expect("written");
    let (ok, printed) = trainer(&["train", arg(&other)]);
    assert!(!ok && printed.contains("the model has 101 rows"), "{printed}");

    // A step that blows up is skipped, and what came in is written down when it does not end.
    let (ok, printed) = trainer(&[
        "train",
        arg(&tiny(folder.path(), &[("1e-2", "1e30"), ("steps = 14", "steps = 14\nmax_skipped = 2")])),
    ]);
    assert!(!ok && printed.contains("3 steps in a row had no finite gradient"), "{printed}");
    let batch = fs_err::read_to_string(folder.path().join("run/not-finite.json")).expect("the batch");
    assert!(batch.contains("\"tokens\":["));
    fs_err::remove_dir_all(folder.path().join("run")).expect("removed");

    // If there may be as many as there are steps, the run ends, says so, and can be gone on with.
    let blown = |steps: &str| {
        let steps = format!("steps = {steps}\nmax_skipped = 100");
        tiny(folder.path(), &[("1e-2", "1e300"), ("steps = 14", &steps)])
    };
    let printed = train_ok(&[arg(&blown("14"))]);
    assert!(printed.contains("14 of 14") && printed.contains("norm no number, skipped"), "{printed}");
    let run = folder.path().join("run");
    assert_eq!(computed(&run).0[&14][..2], ["null", "null"]);
    assert!(fs_err::read_to_string(run.join("report.html")).expect("a page").contains("steps skipped"));
    let printed = train_ok(&[arg(&blown("16")), "--resume"]);
    assert!(printed.contains("16 of 16"), "{printed}");
    fs_err::remove_dir_all(&run).expect("removed");

    // A shard that was changed is found before it is read.
    let shards = copied_shards(folder.path());
    let shard = support::hashes(&shards)
        .into_keys()
        .find(|name| name.contains("documents") && name.contains("train"))
        .expect("a shard");
    let mut bytes = fs_err::read(shards.join(&shard)).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(shards.join(&shard), bytes).expect("written");
    refused(&[(arg(&shared().join("shards")), arg(&shards))], "SHA-256");

    // A run is not overwritten, and not gone on with on another corpus.
    let config = tiny(folder.path(), &[]);
    train_ok(&[arg(&config)]);
    let before = support::hashes(&folder.path().join("run"));
    let (ok, printed) = trainer(&["train", arg(&config)]);
    assert!(!ok && printed.contains("holds a run"), "{printed}");
    assert_eq!(support::hashes(&folder.path().join("run")), before);
    let law = support::root().join("data-manifests/sample/statutes/宪法");
    fs_err::remove_dir_all(&shards).expect("removed");
    pipeline_ok(&["build", "--source", &format!("statute={}", law.display()), "--out", arg(&shards)]);
    let other = tiny(folder.path(), &[(arg(&shared().join("shards")), arg(&shards)), ("steps = 14", "steps = 20")]);
    let (ok, printed) = trainer(&["train", arg(&other), "--resume"]);
    assert!(!ok && printed.contains("made with another corpus; going on"), "{printed}");
    let (ok, printed) = trainer(&["export", arg(&folder.path().join("absent"))]);
    assert!(!ok && printed.contains("config.json"), "{printed}");
}

/// A parquet file with the column `text` and not one row.
const NO_ROWS: &[u8] =
    b"PAR1\x15\x02\x19,H\x06schema\x15\x02\x00\x15\x0c%\x02\x18\x04text%\x00\x00\x16\x00\x19\x0c\x00!\x00\x00\x00PAR1";

#[test]
fn a_split_without_texts_is_named_before_anything_is_learned() {
    let folder = tempfile::tempdir().expect("a folder");
    let (original, shards) = (shared().join("shards"), copied_shards(folder.path()));
    let of_copy = (arg(&original), arg(&shards));
    let run = folder.path().join("run");
    let refused = |changes: &[(&str, &str)], expected: &str| {
        let changes = [&[of_copy][..], changes].concat();
        let (ok, printed) = trainer(&["train", arg(&tiny(folder.path(), &changes))]);
        assert!(!ok && printed.contains(expected), "{expected}: {printed}");
        assert!(!run.join("checkpoints").exists());
    };
    let path = shards.join("index.json");
    let index: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).expect("read")).expect("JSON");
    let write = |index: &serde_json::Value| fs_err::write(&path, index.to_string()).expect("written");
    let without = |split: &str| {
        let mut index = index.clone();
        index["files"].as_array_mut().expect("files").retain(|file| file["split"] != split);
        write(&index);
    };

    without("train");
    refused(&[], "it has no documents in the split `train`");
    refused(&[("task = \"pretrain\"", "task = \"instruct\"")], "it has no instructions in the split `train`");
    assert!(!run.exists());

    // Without anything to measure on, a run says how to do without, and does.
    without("validation");
    refused(&[], "no documents in the split `validation`; evaluate.bytes = 0 trains without measuring");
    let unmeasured = [of_copy, ("steps = 14", "steps = 3"), ("bytes = 600", "bytes = 0")];
    let printed = train_ok(&[arg(&tiny(folder.path(), &unmeasured))]);
    assert!(printed.contains("3 of 3") && !printed.contains("validation"), "{printed}");
    fs_err::remove_dir_all(&run).expect("removed");

    // Shards that are there and hold no row; and one that holds nothing at all.
    let (mut empty, mut names) = (index, Vec::new());
    for file in empty["files"].as_array_mut().expect("files") {
        if file["table"] == "documents" && file["split"] == "train" {
            let name = file["path"].as_str().expect("a path").to_owned();
            fs_err::write(shards.join(&name), NO_ROWS).expect("written");
            let (bytes, sha256) = hash_file(&shards.join(&name)).expect("hashed");
            file["rows"] = 0.into();
            file["bytes"] = bytes.into();
            file["sha256"] = sha256.into();
            names.push(name);
        }
    }
    write(&empty);
    refused(&[], "it has no documents in the split `train`");
    let name = names.pop().expect("a shard");
    fs_err::write(shards.join(&name), "").expect("written");
    refused(&[], &format!("{name}: unreadable shard"));
    assert!(!run.exists());
}

#[test]
fn every_preset_can_be_read() {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(support::root().join("trainer/configs")).expect("listed") {
        let path = entry.expect("an entry").path();
        // Their bases are not here: the plan stops there, after the configuration was read and checked.
        let (ok, printed) = trainer(&["plan", arg(&path)]);
        assert!(ok || !printed.contains(arg(&path)), "{printed}");
        names.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
    }
    for name in [
        "smoke",
        "cpt-7b-lora-1xh100",
        "cpt-7b-full-1xh100",
        "sft-7b-lora-1xh100",
        "lawgpt-pretrain",
        "lawgpt-instruct",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn lawgpt_s_own_records_are_tuned_on() {
    let Some(examples) = support::shared_data("instructions/lawgpt_examples") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let shards = folder.path().join("shards");
    pipeline_ok(&["build", "--source", &format!("instruction={}", examples.display()), "--out", arg(&shards)]);
    let config = tiny(
        folder.path(),
        &[
            ("task = \"pretrain\"", "task = \"instruct\""),
            (arg(&shared().join("shards")), arg(&shards)),
            ("seq_len = 48", "seq_len = 512"),
        ],
    );
    let (ok, printed) = trainer(&["data", arg(&config), "--rows", "9"]);
    assert!(ok && printed.contains("### 问题:"), "{printed}");
}

#[test]
fn a_plan_and_the_data_are_shown_without_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        tiny(folder.path(), &[("task = \"pretrain\"", "task = \"instruct\""), ("seq_len = 48", "seq_len = 256")]);
    let (ok, plan) = trainer(&["plan", arg(&config)]);
    assert!(ok && plan.contains("memory, about") && plan.contains("steps"), "{plan}");
    let (ok, data) = trainer(&["data", arg(&config), "--rows", "3"]);
    assert!(ok && data.contains("tokens that are learned") && data.contains("### 回答:\n«"), "{data}");
    assert!(!folder.path().join("run").exists());
}
