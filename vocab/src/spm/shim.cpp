// A C entry to SentencePiece's trainer: sentences come from a callback, the model goes to a callback.
//
// sentencepiece-sys compiles the trainer but hands its headers to nobody, so the three declarations that
// are needed stand here, as in sentencepiece_trainer.h and sentencepiece_processor.h of the version it builds.

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <unordered_map>

namespace sentencepiece {
namespace util {
class Status {
 public:
  Status();
  ~Status();
  Status(const Status &s);
  bool ok() const { return rep_ == nullptr; }
  std::string ToString() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};
}  // namespace util

class SentenceIterator {
 public:
  virtual ~SentenceIterator() {}
  virtual bool done() const = 0;
  virtual void Next() = 0;
  virtual const std::string &value() const = 0;
  virtual util::Status status() const = 0;
};

class SentencePieceTrainer {
 public:
  static util::Status Train(const std::unordered_map<std::string, std::string> &kwargs,
                            SentenceIterator *sentence_iterator, std::string *serialized_model_proto);
};
}  // namespace sentencepiece

namespace {

// Copies the next sentence out; false at the end.
using NextFn = bool (*)(void *context, const char **data, size_t *size);
using TakeFn = void (*)(void *context, const char *data, size_t size);

class CallbackIterator final : public sentencepiece::SentenceIterator {
 public:
  CallbackIterator(NextFn next, void *context) : next_(next), context_(context) { Next(); }
  bool done() const override { return done_; }
  void Next() override {
    const char *data = nullptr;
    size_t size = 0;
    done_ = !next_(context_, &data, &size);
    value_.assign(data, done_ ? 0 : size);
  }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  NextFn next_;
  void *context_;
  std::string value_;
  bool done_ = false;
};

}  // namespace

// `options` is `count` pairs of NUL-terminated names and values. Gives the model to `take` and returns true,
// or gives the reason and returns false.
extern "C" bool vocab_spm_train(const char *const *options, size_t count, NextFn next, void *sentences, TakeFn take,
                                void *taken) {
  std::string out;
  try {
    std::unordered_map<std::string, std::string> kwargs;
    for (size_t i = 0; i < count; ++i) kwargs[options[2 * i]] = options[2 * i + 1];
    CallbackIterator iterator(next, sentences);
    const auto status = sentencepiece::SentencePieceTrainer::Train(kwargs, &iterator, &out);
    if (!status.ok()) out = status.ToString();
    take(taken, out.data(), out.size());
    return status.ok();
  } catch (const std::exception &e) {
    out = e.what();
    take(taken, out.data(), out.size());
    return false;
  }
}
