#include "pkcs11/configuration.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace strongroom::pkcs11 {
namespace {

constexpr char kSystemFile[] = "/etc/strongroom/pkcs11.conf";
constexpr unsigned long kSlotsMax = 64;
constexpr unsigned long kSessionsMax = 1u << 20;
constexpr unsigned long kIdleSecondsMax = 31'536'000;  // a year

// Empty: not set, or not to be believed.
std::string environment(const char* name) {
  const char* const value = secure_getenv(name);
  return value != nullptr ? value : "";
}

// Of the XDG base directories: the variable, or the place below the home directory. Empty: no home.
std::string base_directory(const char* variable, const char* below_home) {
  // Relative ones are to be ignored, says the specification.
  if (std::string value = environment(variable); value.starts_with('/')) return value;
  const std::string home = environment("HOME");
  return home.starts_with('/') ? home + below_home : "";
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool number(std::string_view text, unsigned long least, unsigned long most, unsigned long* out) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc{} && rest == end && *out >= least && *out <= most;
}

// One "name = value". Empty: taken; else what is wrong with it.
std::string take(std::string_view name, std::string_view value, Configuration* out) {
  if (name == "directory") {
    const std::string home = environment("HOME");
    if (value.starts_with("~/") && home.starts_with('/')) {
      out->directory = home + std::string(value.substr(1));
    } else if (value.starts_with('/')) {
      out->directory = value;
    } else {
      return "directory has to be an absolute path";
    }
    return {};
  }
  const struct {
    std::string_view name;
    unsigned long least, most;
    unsigned long* value;
  } numbers[] = {
      {"slots", 1, kSlotsMax, &out->slots},
      {"sessions", 1, kSessionsMax, &out->sessions_max},
      {"rw_sessions", 1, kSessionsMax, &out->read_write_sessions_max},
      {"session_idle_seconds", 0, kIdleSecondsMax, &out->session_idle_seconds},
  };
  for (const auto& each : numbers) {
    if (name != each.name) continue;
    if (number(value, each.least, each.most, each.value)) return {};
    return std::string(name) + " has to be " + std::to_string(each.least) + " to " +
           std::to_string(each.most);
  }
  return "unknown setting " + std::string(name);
}

bool read_file(const std::string& path, Configuration* out, std::string* cause) {
  std::ifstream file(path);
  const auto refuse = [&](const std::string& why) {
    *cause = path + why;
    return false;
  };
  if (!file) return refuse(": " + std::generic_category().message(errno));
  std::string line;
  for (unsigned at = 1; std::getline(file, line); ++at) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    const std::size_t equals = text.find('=');
    const std::string wrong =
        equals == std::string_view::npos
            ? "not \"name = value\""
            : take(trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)), out);
    if (!wrong.empty()) return refuse(" line " + std::to_string(at) + ": " + wrong);
  }
  return !file.bad() || refuse(": cannot be read");
}

// The file to read, or none. One that the environment names has to be there.
std::string configuration_file() {
  if (std::string named = environment("STRONGROOM_PKCS11_CONF"); !named.empty()) return named;
  const std::string base = base_directory("XDG_CONFIG_HOME", "/.config");
  if (std::string own = base + "/strongroom/pkcs11.conf"; !base.empty() && exists(own)) return own;
  return exists(kSystemFile) ? kSystemFile : "";
}

}  // namespace

bool read_configuration(Configuration* out, std::string* cause) {
  *out = {};
  if (const std::string file = configuration_file();
      !file.empty() && !read_file(file, out, cause)) {
    return false;
  }
  if (const std::string named = environment("STRONGROOM_TOKEN_DIR"); !named.empty()) {
    std::error_code error;
    // The program may go to another directory later.
    out->directory = std::filesystem::absolute(named, error);
    if (error) {
      *cause = named + ": " + error.message();
      return false;
    }
  }
  if (out->directory.empty()) {
    const std::string base = base_directory("XDG_DATA_HOME", "/.local/share");
    if (base.empty()) {
      *cause = "no directory is configured and there is no home directory";
      return false;
    }
    out->directory = base + "/strongroom/token";
  }
  return true;
}

bool make_directory(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && !exists(part)) return false;
    if (slash == std::string::npos) return true;
  }
}

}  // namespace strongroom::pkcs11
