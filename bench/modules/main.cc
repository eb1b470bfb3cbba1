// strongroom-module-bench DIRECTORY --module NAME=KIND=LIBRARY ... [--case TEXT] [--rounds N]
//                         [--slice MS] [--objects N] [--peer-objects N]
//
// Times PKCS#11 modules (KIND: strongroom, softhsm, nss) beside OpenSSL's EVP. Every subject is
// proved first: equal outputs, or a signature that EVP accepts. Then all take turns, a slice each,
// in rounds. DIRECTORY is an empty folder for the tokens. Prints one JSON object a line:
//   {"case", "subject", "threads", "sessions"?, "objects"?, "rates": [operations a second, one a
//   round]}
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "modules/work.h"

namespace strongroom::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string directory;
  std::vector<std::string> modules;
  std::string wanted;
  unsigned rounds = 15;
  unsigned slice_ms = 40;
  unsigned objects = 10000;
  unsigned peer_objects = 500;  // some take 10 ms to store one
};

void print(const std::string& name, const std::string& subject, const std::string& more,
           const std::vector<double>& rates) {
  std::printf("{\"case\":\"%s\",\"subject\":\"%s\",%s,\"rates\":[", name.c_str(), subject.c_str(),
              more.c_str());
  for (std::size_t i = 0; i < rates.size(); ++i) std::printf("%s%.1f", i ? "," : "", rates[i]);
  std::printf("]}\n");
  static_cast<void>(std::fflush(stdout));
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Operations a second of all threads together, each doing its own for the length of a slice.
double rate(std::vector<Operation>& operations, unsigned slice_ms) {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> total{0};
  std::exception_ptr failure;
  std::mutex failing;
  std::vector<std::thread> threads;
  for (Operation& operation : operations) {
    threads.emplace_back([&] {
      try {
        ByteString output;
        operation(&output);
        ++ready;
        while (!go) std::this_thread::yield();
        std::uint64_t count = 0;
        do {
          operation(&output);
          ++count;
        } while (!enough.load(std::memory_order_relaxed));
        total += count;
      } catch (...) {
        ++ready;
        const std::lock_guard lock(failing);
        failure = std::current_exception();
      }
    });
  }
  while (ready < operations.size()) std::this_thread::yield();
  const auto start = Clock::now();
  go = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(slice_ms));
  enough = true;
  for (std::thread& each : threads) each.join();
  const double took = seconds_since(start);
  if (failure) std::rethrow_exception(failure);
  return static_cast<double>(total) / took;
}

void prove(const Work& work) {
  ByteString first;
  for (const Subject& subject : work.subjects) {
    ByteString output;
    subject.make()(&output);
    if (subject.verify) {
      ByteString wrong = output;
      wrong.back() = static_cast<std::uint8_t>(wrong.back() ^ 1);
      if (!subject.verify(output) || subject.verify(wrong))
        throw std::runtime_error(work.name + ": EVP does not accept what " + subject.name +
                                 " made");
    } else if (first.empty()) {
      first = output;
    } else if (output != first) {
      throw std::runtime_error(work.name + ": " + subject.name + " made something else than EVP");
    }
  }
}

void time_work(const Work& work, const Options& options) {
  prove(work);
  for (const unsigned threads : {1u, 2u}) {
    std::vector<std::vector<Operation>> operations;
    for (const Subject& subject : work.subjects) {
      auto& mine = operations.emplace_back();
      for (unsigned i = 0; i < threads; ++i) mine.push_back(subject.make());
    }
    std::vector<std::vector<double>> rates(work.subjects.size());
    for (unsigned round = 0; round < options.rounds; ++round) {
      for (std::size_t i = 0; i < operations.size(); ++i)
        rates[i].push_back(rate(operations[i], options.slice_ms));
    }
    for (std::size_t i = 0; i < rates.size(); ++i)
      print(work.name, work.subjects[i].name, "\"threads\":" + std::to_string(threads), rates[i]);
  }
}

// Durable keys: each thread goes round its sessions and makes a token key in the next.
Operation key_maker(const Module& module, unsigned sessions) {
  std::vector<CK_SESSION_HANDLE> open;
  for (unsigned i = 0; i < sessions; ++i) open.push_back(module.open_session());
  return [&module, open, next = std::size_t{0}](ByteString*) mutable {
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    Template wanted;
    wanted.flag(CKA_TOKEN, true).number(CKA_VALUE_LEN, 32).flag(CKA_ENCRYPT, true);
    std::vector<CK_ATTRIBUTE> attributes = wanted.attributes();
    CK_OBJECT_HANDLE key = 0;
    module.check(module->C_GenerateKey(open[next++ % open.size()], &mechanism, attributes.data(),
                                       attributes.size(), &key),
                 "C_GenerateKey");
  };
}

void time_durable_keys(const Modules& modules, const Options& options) {
  struct Load {
    unsigned sessions;
    unsigned threads;
  };
  // A call waits for the disk: with a thread a session, what a module can put together shows.
  for (const auto [sessions, threads] : {Load{1, 1}, Load{16, 2}, Load{16, 16}}) {
    for (const auto& module : modules) {
      std::vector<Operation> makers;
      for (unsigned i = 0; i < threads; ++i)
        makers.push_back(key_maker(*module, sessions / threads));
      std::vector<double> rates;
      for (unsigned round = 0; round < std::max(1u, options.rounds / 3); ++round)
        rates.push_back(rate(makers, 10 * options.slice_ms));
      print("durable AES keys", module->name(),
            "\"threads\":" + std::to_string(threads) + ",\"sessions\":" + std::to_string(sessions),
            rates);
    }
  }
}

std::string label_of(unsigned number) { return "object " + std::to_string(number); }

// Find by label among many token objects, and the time to start with them.
void time_many_objects(Modules& modules, const Options& options) {
  for (auto& module : modules) {
    const bool ours = module == modules.front();
    const unsigned count = ours ? options.objects : options.peer_objects;
    const std::string objects = "\"objects\":" + std::to_string(count);
    const CK_SESSION_HANDLE filling = module->open_session();
    for (unsigned i = 0; i < count; ++i) {
      module->create(filling, Template()
                                  .number(CKA_CLASS, CKO_SECRET_KEY)
                                  .number(CKA_KEY_TYPE, CKK_AES)
                                  .flag(CKA_TOKEN, true)
                                  .flag(CKA_PRIVATE, true)
                                  .flag(CKA_ENCRYPT, true)
                                  .text(CKA_LABEL, label_of(i))
                                  .bytes(CKA_VALUE, ByteString(32, static_cast<std::uint8_t>(i))));
    }
    const auto finder = [&]() -> Operation {
      const CK_SESSION_HANDLE session = module->open_session();
      return [&module, session, count, next = 0u](ByteString*) mutable {
        CK_OBJECT_HANDLE found = 0;
        Template label;
        label.text(CKA_LABEL, label_of(next++ * 7919u % count));
        std::vector<CK_ATTRIBUTE> wanted = label.attributes();
        if (module->find(session, wanted, &found) != 1)
          throw std::runtime_error(module->name() + ": found not one object");
      };
    };
    for (const unsigned threads : {1u, 2u}) {
      std::vector<Operation> finders;
      for (unsigned i = 0; i < threads; ++i) finders.push_back(finder());
      std::vector<double> rates;
      for (unsigned round = 0; round < options.rounds; ++round)
        rates.push_back(rate(finders, options.slice_ms));
      print("find by label", module->name(),
            "\"threads\":" + std::to_string(threads) + "," + objects, rates);
    }
    std::vector<double> starts;
    for (unsigned round = 0; round < std::max(1u, options.rounds / 3); ++round) {
      module->stop();
      const auto start = Clock::now();
      module->start();
      finder()(nullptr);
      starts.push_back(1 / seconds_since(start));
    }
    print("start", module->name(), objects, starts);
  }
}

Kind kind_of(const std::string& text) {
  const std::map<std::string, Kind> kinds{
      {"strongroom", Kind::kStrongroom}, {"softhsm", Kind::kSoftHsm}, {"nss", Kind::kNss}};
  const auto found = kinds.find(text);
  if (found == kinds.end()) throw std::runtime_error("no such kind of module: " + text);
  return found->second;
}

// The first is ours: its goals are judged.
Modules open_modules(const Options& options) {
  Modules modules;
  for (const std::string& given : options.modules) {
    const std::size_t kind = given.find('=');
    const std::size_t library = given.find('=', kind + 1);
    if (kind == std::string::npos || library == std::string::npos)
      throw std::runtime_error("--module takes NAME=KIND=LIBRARY");
    const std::string directory = options.directory + "/" + std::to_string(modules.size());
    std::filesystem::create_directory(directory);
    modules.push_back(std::make_unique<Module>(given.substr(0, kind),
                                               kind_of(given.substr(kind + 1, library - kind - 1)),
                                               given.substr(library + 1), directory));
  }
  return modules;
}

Options read_options(int count, char** arguments) {
  if (count < 2) throw std::runtime_error("a directory is needed");
  Options options;
  options.directory = arguments[1];
  const std::map<std::string, unsigned*> numbers{{"--rounds", &options.rounds},
                                                 {"--slice", &options.slice_ms},
                                                 {"--objects", &options.objects},
                                                 {"--peer-objects", &options.peer_objects}};
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--module") {
      options.modules.push_back(value);
    } else if (name == "--case") {
      options.wanted = value;
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      *number->second = static_cast<unsigned>(std::stoul(value));
    } else {
      throw std::runtime_error("no such option: " + name);
    }
  }
  return options;
}

void run(const Options& options) {
  Modules modules = open_modules(options);
  const auto wanted = [&](const std::string& name) {
    return name.find(options.wanted) != std::string::npos;
  };
  for (const auto& make : {gcm_work, hmac_work, ecdsa_work, rsa_work}) {
    const Work work = make(modules);
    if (wanted(work.name)) time_work(work, options);
  }
  // Before keys are made by the thousand: a start is timed with as many objects as it says.
  if (wanted("find by label, start")) time_many_objects(modules, options);
  if (wanted("durable AES keys")) time_durable_keys(modules, options);
}

}  // namespace
}  // namespace strongroom::bench

int main(int count, char** arguments) {
  try {
    strongroom::bench::run(strongroom::bench::read_options(count, arguments));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    static_cast<void>(std::fprintf(stderr, "%s\n", error.what()));
    return EXIT_FAILURE;
  }
}
