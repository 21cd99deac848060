//! How the tests run the program and look at what it left.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use arrow::{
    array::{Array, AsArray},
    datatypes::DataType,
};
use corpus_format::{Corpus, Position, Selection, Table, reader::hash_file};

/// The root of the repository: as cargo says when it runs, since clones that share a target folder share this program.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    Path::new(&package).join("..").canonicalize().expect("the repository")
}

/// A folder of the data that is not in the repository; says loudly where it is absent.
pub fn shared_data(path: &str) -> Option<PathBuf> {
    let folder = root().join("../shared/data").join(path);
    if !folder.exists() {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

/// A command of a program of this workspace, in the root of the repository.
pub fn program(name: &str) -> Command {
    // target/release/deps/acceptance-… → target/release/<name>
    let test = std::env::current_exe().expect("this test");
    let binary = test.ancestors().nth(2).expect("the target folder").join(name);
    assert!(binary.exists(), "{} is not built; run the tests with `just test`", binary.display());
    let mut command = Command::new(binary);
    command.current_dir(root());
    command
}

/// A command in the root of the repository with the environment that a user has. What `cargo test` adds
/// to it would make a nested `cargo build` think that everything has changed.
pub fn as_a_user(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    let kept = ["CARGO_TARGET_DIR", "CARGO_HOME", "RUSTUP_HOME"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours =
            text.starts_with("CARGO") || text.starts_with("RUST") || text == "LD_LIBRARY_PATH" || text == "OUT_DIR";
        if ours && !kept.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}

/// Kills programs at random moments, the same ones in every run.
pub struct Killer {
    seed: u64,
    /// The longest wait before a kill; it follows how long runs take while other tests run beside them.
    longest: u64,
}

impl Killer {
    /// For a program that takes about `whole` when nobody disturbs it.
    pub fn new(whole: Duration) -> Self {
        Self { seed: 0x2545_f491_4f6c_dd1d, longest: u64::try_from(whole.as_micros()).unwrap_or(u64::MAX) }
    }

    /// A random number (xorshift).
    pub fn number(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed >> 8
    }

    /// Start a program and kill it with signal 9; whether it was still running then.
    pub fn kills(&mut self, command: &mut Command) -> bool {
        let wait = Duration::from_micros(self.number() % self.longest);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(wait);
        child.kill().expect("killed");
        let killed = !child.wait().expect("waited").success();
        self.longest = if killed { self.longest * 9 / 8 } else { (self.longest * 3 / 4).max(2_000) };
        killed
    }
}

/// Run the evaluator: whether it succeeded, what it printed, and what it said beside that.
pub fn evaluator(arguments: &[&str]) -> (bool, String, String) {
    let output = program("evaluator").args(arguments).output().expect("evaluator starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Run the pipeline; the output whatever its end.
pub fn pipeline(arguments: &[&str]) -> Output {
    program("pipeline").args(arguments).output().expect("the pipeline starts")
}

/// Run the pipeline, which must succeed; what it printed.
pub fn pipeline_ok(arguments: &[&str]) -> String {
    let output = pipeline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "pipeline {arguments:?} failed:\n{out}\n{err}");
    out.into_owned()
}

/// Run the pipeline, which must fail; its error.
pub fn pipeline_err(arguments: &[&str]) -> String {
    let output = pipeline(arguments);
    assert!(!output.status.success(), "pipeline {arguments:?} succeeded");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Every file below `dir` with its hash.
pub fn hashes(dir: &Path) -> BTreeMap<String, String> {
    let mut hashes = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").to_string_lossy().into_owned();
                hashes.insert(name, hash_file(&path).expect("hashed").1);
            }
        }
    }
    hashes
}

/// The rows of a table as JSON objects with the named text and number columns.
pub fn rows(corpus: &Path, table: Table, columns: &[&str]) -> Vec<Vec<String>> {
    let corpus = Corpus::open(corpus).expect("a complete corpus");
    let selection = Selection { columns: columns.iter().map(|c| (*c).to_owned()).collect(), ..Selection::default() };
    let reader = corpus.read(table, &selection, 1000, Position::default()).expect("a reader");
    let schema = reader.schema();
    let mut rows = Vec::new();
    for batch in reader {
        let (_, batch) = batch.expect("a batch");
        for i in 0..batch.num_rows() {
            let cell = |name: &&str| {
                let column = batch.column(schema.index_of(name).expect("a column"));
                arrow::util::display::array_value_to_string(column, i).expect("a value")
            };
            rows.push(columns.iter().map(cell).collect());
        }
    }
    rows
}

/// A value of a column as JSON, lists and structs included.
pub fn value(column: &dyn Array, row: usize) -> serde_json::Value {
    use serde_json::Value;
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|i| value(&items, i)).collect())
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            Value::Object(fields.iter().zip(columns).map(|(f, c)| (f.name().clone(), value(c, row))).collect())
        }
        _ => {
            let text = arrow::util::display::array_value_to_string(column, row).expect("a value");
            let is_number = column.data_type().is_numeric();
            if is_number { serde_json::from_str(&text).expect("a number") } else { Value::String(text) }
        }
    }
}

/// Write a file, and the folders above it.
pub fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs_err::write(path, bytes).expect("written");
}

/// A statute of `articles` articles, as Markdown.
pub fn statute(title: &str, articles: u32) -> String {
    let digits = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let mut text = format!("# {title}\n\n2020年1月1日 国务院令第1号公布\n\n<!-- INFO END -->\n\n## 第一章 总则\n\n");
    for n in 1..=articles {
        let (tens, ones) = (n / 10, n % 10);
        let number = match (tens, ones) {
            (0, _) => digits[ones as usize].to_owned(),
            (_, 0) => format!("{}十", if tens == 1 { "" } else { digits[tens as usize] }),
            _ => format!("{}十{}", if tens == 1 { "" } else { digits[tens as usize] }, digits[ones as usize]),
        };
        text += &format!("第{number}条 {title}所规定的第{number}项事务，由有关部门依照各自职责办理，不得推诿。\n\n");
    }
    text
}
