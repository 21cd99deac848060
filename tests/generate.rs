//! `pipeline generate` against a local server that answers as an OpenAI-compatible endpoint does.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Output,
    sync::{Arc, Mutex},
    time::Duration,
};

use corpus_format::Table;
use serde_json::{Value, json};

use crate::support::{self, arg, hashes, pipeline_ok, put, rows, statute};

const KEY: &str = "sk-this-must-not-be-seen";

/// What the server answers to the nth request with that body: a status and a body; nothing is sent for status 0.
type Answer = fn(usize, &Value) -> (u16, String);

/// A server on a port of its own; it keeps what was asked.
struct Endpoint {
    url: String,
    /// Head and body of each request.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Endpoint {
    fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(&stream.expect("a connection"), answer, &log));
            }
        });
        Self { url, asked }
    }

    fn count(&self) -> usize {
        self.asked.lock().expect("the log").len()
    }
}

fn serve(mut stream: &TcpStream, answer: Answer, log: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a head") > 0, "cut short: {head}");
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next()).expect("a length");
    let mut body = vec![0; length.trim().parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let n = {
        let mut log = log.lock().expect("the log");
        log.push((head, body.clone()));
        log.len() - 1
    };
    let (status, text) = answer(n, &body);
    if status == 0 {
        return std::thread::sleep(Duration::from_secs(20));
    }
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after: 0\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{text}", text.len()).expect("sent");
}

/// A chat completion with that content.
fn completion(content: &str) -> (u16, String) {
    let usage = json!({"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500});
    let message = json!({"role": "assistant", "content": content});
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    (200, json!({"id": "cmpl-7", "choices": choices, "usage": usage}).to_string())
}

/// Law and label of the first article that a request gives: 《甲条例》第三条.
fn given(body: &Value) -> String {
    let user = body["messages"][1]["content"].as_str().expect("a prompt");
    user.lines().find(|line| line.starts_with('《')).expect("an article").to_owned()
}

fn pair(question: &str, answer: &str) -> Value {
    json!({"question": question, "answer": answer})
}

fn good_pair(body: &Value) -> Value {
    let article = given(body);
    let question = format!("按照{article}，有关事务由谁办理？");
    pair(&question, &format!("由有关部门办理。{article}规定，由有关部门依照各自职责办理，不得推诿。"))
}

fn good(_: usize, body: &Value) -> (u16, String) {
    completion(&format!("```json\n{}\n```", json!([good_pair(body)])))
}

/// A corpus of two laws, one in two versions, and a configuration that asks `endpoint` four times about it.
struct Workplace {
    dir: tempfile::TempDir,
}

impl Workplace {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["甲条例", "乙条例"] {
            put(&dir.path().join(format!("laws/{name}.md")), statute(name, 8));
        }
        // The older version has four articles more.
        let older = statute("甲条例", 12).replace("2020年1月1日", "2010年1月1日");
        put(&dir.path().join("laws/older/甲条例.md"), older);
        let place = Self { dir };
        place.build(&place.corpus(), "");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn corpus(&self) -> PathBuf {
        self.path("corpus")
    }

    fn build(&self, out: &Path, more: &str) {
        let config = self.path("corpus.toml");
        let laws = format!("[[sources]]\nkind = \"statute\"\npath = {:?}\n", self.path("laws"));
        put(&config, format!("[split]\nvalidation_fraction = 0.0\n{laws}{more}"));
        pipeline_ok(&["build", arg(&config), "--out", arg(out)]);
    }

    fn generate(&self, endpoint: &Endpoint, changed: &[(&str, &str)]) -> Output {
        let config = self.path("generate.toml");
        let mut text = format!(
            "corpus = {:?}\noutput = {:?}\n[articles]\ngroups = 4\nper_group = 2\nmin_chars = 10\n[endpoint]\nurl = {:?}\n\
             model = \"stub\"\napi_key_env = \"STUB_KEY\"\nparallel = 1\nretries = 2\nbackoff_s = 0.01\ntimeout_s = 5.0\n\
             max_tokens = 400\n[limits]\nmax_requests = 100\n[price]\nprompt = 2.0\ncompletion = 8.0\ncurrency = \"yuan\"\n",
            self.corpus(),
            self.path("out"),
            endpoint.url,
        );
        for (from, to) in changed {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        put(&config, text);
        let mut command = support::program("pipeline");
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.args(["generate", arg(&config)]).env("STUB_KEY", KEY).output().expect("starts")
    }

    /// The lines of a file of the output folder.
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs_err::read_to_string(self.path("out").join(name)).expect("written");
        assert!(text.is_empty() || text.ends_with('\n'), "{name} ends within a line");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn printed(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!text.contains(KEY), "the key is printed");
    text
}

fn ok(output: &Output) -> String {
    let text = printed(output);
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn good_answers_become_records_with_provenance_that_a_build_reads_and_are_paid_for_once() {
    let place = Workplace::new();
    let endpoint = Endpoint::new(good);
    let summary = ok(&place.generate(&endpoint, &[]));
    assert!(summary.contains("4 planned, 4 asked now, 4 answered"), "{summary}");
    assert!(summary.contains("1200 of prompts, 800 of answers"), "{summary}");
    assert!(summary.contains("0.0088 yuan") && summary.contains("records   4"), "{summary}");
    let (head, body) = endpoint.asked.lock().expect("the log")[0].clone();
    assert!(head.starts_with("POST /v1/chat/completions ") && head.contains(&format!("Bearer {KEY}")));
    assert!(body["model"] == "stub" && body["max_tokens"] == 400 && body["seed"].is_u64());

    let records = place.lines("records.jsonl");
    let provenance = &records[0]["provenance"];
    assert_eq!(provenance["user"], body["messages"][1]["content"]);
    assert_eq!(provenance["system"], body["messages"][0]["content"]);
    assert_eq!((&provenance["seed"], &provenance["response"]), (&body["seed"], &json!("cmpl-7")));
    assert_eq!(provenance["articles"].as_array().map(Vec::len), Some(2));
    assert!(records.iter().all(|record| !record["provenance"]["articles"].to_string().contains("older")));
    let index: Value =
        serde_json::from_str(&fs_err::read_to_string(place.corpus().join("index.json")).expect("read")).expect("JSON");
    assert_eq!(provenance["corpus"], index["build_key"]);
    for name in ["answers.jsonl", "records.jsonl"] {
        let text = fs_err::read_to_string(place.path("out").join(name)).expect("written");
        assert!(!text.contains("127.0.0.1") && !text.contains(KEY), "{name}");
    }

    // A second run asks nothing and writes the same bytes; one with more groups asks only for those.
    let before = hashes(&place.path("out"));
    assert!(ok(&place.generate(&endpoint, &[])).contains("0 asked now"));
    assert_eq!((endpoint.count(), hashes(&place.path("out"))), (4, before));
    assert!(ok(&place.generate(&endpoint, &[("groups = 4", "groups = 6")])).contains("2 asked now"));

    let file = place.path("out/records.jsonl");
    place.build(&place.path("both"), &format!("[[sources]]\nkind = \"instruction\"\npath = {file:?}\n"));
    let built = rows(&place.path("both"), Table::Instructions, &["kind", "article", "document_id", "output"]);
    let articles = rows(&place.path("both"), Table::Articles, &["id", "document_id", "label"]);
    let generated: Vec<_> = built.iter().filter(|row| row[0] == "consultation").collect();
    assert_eq!(generated.len(), 6);
    for row in generated {
        let article = articles.iter().find(|article| article[0] == row[1]).expect("the article is in the corpus");
        assert!(article[1] == row[2] && row[3].contains(&article[2]), "{row:?}");
    }
}

#[test]
fn what_cannot_be_right_is_rejected_with_its_reason() {
    let place = Workplace::new();
    let endpoint = Endpoint::new(|n, body| {
        let article = given(body);
        let question = |n: usize| format!("{article}所说的第{n}件事由谁办理？");
        let answer = |cited: &str| format!("依照{cited}的规定，这件事由有关部门依照各自职责办理，不得推诿。");
        match n {
            0 => completion(
                &json!([
                    good_pair(body),
                    pair(&question(1), &answer(&format!("{article}和《甲条例》第九十九条"))),
                    pair(&question(1), &answer(&format!("{article}和《甲条例》第十二条"))),
                    pair(&question(2), &answer(&format!("{article}和《丙条例》第一条"))),
                    pair(&question(3), &answer(&format!("{article}第四款"))),
                    pair(&question(4), &answer("该条例第九条")),
                    pair(&question(5), &answer(&format!("{article}，另外第九十八条"))),
                    pair(&question(6), &answer("有关法律")),
                    pair("按照上述条文，这件事由谁办理？", &answer(&article)),
                    pair(&question(7), "由有关部门。"),
                    good_pair(body),
                    {"question": "没有回答的问题是什么？"},
                ])
                .to_string(),
            ),
            1 => completion("对不起，我不能回答。"),
            2 => completion("[{\"question\": \"断了的"),
            _ => completion("[]"),
        }
    });
    let summary = ok(&place.generate(&endpoint, &[]));
    assert!(summary.contains("records   1\n") && summary.contains("rejects   14\n"), "{summary}");
    let reasons: Vec<String> =
        place.lines("rejects.jsonl").iter().map(|r| r["reason"].as_str().expect("a reason").to_owned()).collect();
    let expected = [
        "《甲条例》 article 99: the law has no such article",
        "《甲条例》 article 12: the law has no such article",
        "《丙条例》 article 1: the corpus has no such law",
        "paragraph 4: the article has 1",
        "第九条 stands without its law",
        "第九十八条 stands without its law",
        "the answer cites none of the articles given",
        "the question speaks of the articles it was made from",
        "the answer has 6 characters, not 20 to 1500",
        "the question was asked before",
        "no question with an answer",
        "the answer holds no JSON array of pairs",
        "the answer holds no JSON array of pairs",
        "the answer holds no JSON array of pairs",
    ];
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.contains(expected), "{reason}, not {expected}");
    }
    // What was answered badly was answered: it is not asked again.
    ok(&place.generate(&endpoint, &[]));
    assert_eq!(endpoint.count(), 4);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let place = Workplace::new();
    let endpoint = Endpoint::new(|n, body| match n {
        0 => (429, json!({"error": {"message": "slow down"}}).to_string()),
        1 => (503, String::new()),
        _ => good(n, body),
    });
    assert!(ok(&place.generate(&endpoint, &[])).contains("records   4"));
    assert_eq!(endpoint.count(), 6);
}

#[test]
fn a_server_that_stays_broken_ends_the_run_and_what_was_answered_is_kept() {
    let place = Workplace::new();
    let broken = Endpoint::new(|n, body| {
        if n == 0 { good(n, body) } else { (500, json!({"error": {"message": "out of memory"}}).to_string()) }
    });
    let output = place.generate(&broken, &[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("no answer: status 500: out of memory; attempts: 3"), "{text}");
    assert_eq!((place.lines("records.jsonl").len(), place.lines("answers.jsonl").len()), (1, 1));
    // A crash in the middle of a line loses that answer only.
    let ledger = place.path("out/answers.jsonl");
    put(&ledger, fs_err::read_to_string(&ledger).expect("read") + "{\"key\": \"torn");
    let endpoint = Endpoint::new(good);
    assert!(ok(&place.generate(&endpoint, &[])).contains("3 asked now, 4 answered"));
    assert_eq!((endpoint.count(), place.lines("answers.jsonl").len()), (3, 4));
}

#[test]
fn a_server_that_does_not_answer_and_one_that_answers_nonsense_are_named() {
    let place = Workplace::new();
    let silent = Endpoint::new(|_, _| (0, String::new()));
    let changed = [("timeout_s = 5.0", "timeout_s = 0.3"), ("retries = 2", "retries = 1")];
    let text = printed(&place.generate(&silent, &changed));
    assert!(text.contains("attempts: 2") && text.contains("timeout"), "{text}");
    let nonsense = Endpoint::new(|_, _| (200, "<html>".into()));
    let text = printed(&place.generate(&nonsense, &[]));
    assert!(text.contains("the answer is no chat completion; attempts: 1"), "{text}");
    assert!(place.lines("answers.jsonl").is_empty());
}

#[test]
fn a_limit_stops_the_run_before_it_is_passed() {
    let place = Workplace::new();
    let endpoint = Endpoint::new(good);
    let output = place.generate(&endpoint, &[("max_requests = 100", "max_requests = 3")]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(3));
    assert!(text.contains("after 3 answers and 1500 tokens, 1 requests are left; raise limits.max_requests"), "{text}");
    assert_eq!((endpoint.count(), place.lines("records.jsonl").len()), (3, 3));
    // The answers of earlier runs count.
    let output = place.generate(&endpoint, &[("max_requests = 100", "max_total_tokens = 1600")]);
    assert!(printed(&output).contains("raise limits.max_total_tokens"), "{}", printed(&output));
    assert_eq!((output.status.code(), endpoint.count()), (Some(3), 3));
    assert!(ok(&place.generate(&endpoint, &[])).contains("1 asked now"));
}

#[test]
fn a_key_that_is_missing_or_refused_is_said_before_anything_is_paid() {
    let place = Workplace::new();
    let endpoint = Endpoint::new(|_, _| (401, json!({"error": {"message": format!("bad key {KEY}")}}).to_string()));
    let text = printed(&place.generate(&endpoint, &[("STUB_KEY", "NO_SUCH_KEY")]));
    assert!(text.contains("the environment variable NO_SUCH_KEY holds no key"), "{text}");
    assert_eq!(endpoint.count(), 0);
    let text = printed(&place.generate(&endpoint, &[]));
    assert!(text.contains("status 401: the key is refused; attempts: 1"), "{text}");
    let text = printed(&place.generate(&endpoint, &[("model = \"stub\"", "model = \"stub\"\napi_key = \"x\"")]));
    assert!(text.contains("unknown field `api_key`"), "{text}");
    let text = printed(&place.generate(&endpoint, &[("groups = 4", "groups = 0")]));
    assert!(text.contains("articles.groups = 0 asks for nothing"), "{text}");
}

#[test]
fn requests_sent_at_the_same_time_are_entered_in_their_order() {
    let place = Workplace::new();
    let [one, four] = [("1", "one"), ("4", "four")].map(|(parallel, out)| {
        let changed = [("parallel = 1", &*format!("parallel = {parallel}")), ("/out\"", &*format!("/{out}\""))];
        ok(&place.generate(&Endpoint::new(good), &changed));
        hashes(&place.path(out))
    });
    assert_eq!(one, four);
}
