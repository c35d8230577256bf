#include "http.h"

#include <algorithm>
#include <cctype>

namespace workload {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

/** Value of a header; `head` in lower case. */
std::optional<std::string> header(const std::string &head, const std::string &name) {
  size_t at = head.find("\r\n" + name + ":");
  if (at == std::string::npos) return std::nullopt;
  size_t begin = head.find_first_not_of(" \t", at + name.size() + 3);
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string_view first_line(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  size_t end = text.find_first_of("\r\n", begin);
  return text.substr(begin, end == std::string_view::npos ? end : end - begin);
}

}  // namespace

bool looks_like_request(std::string_view bytes) {
  size_t word = 0;
  while (word < bytes.size() && std::isupper(static_cast<unsigned char>(bytes[word]))) ++word;
  if (word == 0 || word == bytes.size() || bytes[word] != ' ') return false;
  return first_line(bytes).find(" HTTP/1.") != std::string_view::npos;
}

std::optional<size_t> message_size(std::string_view bytes) {
  size_t end = bytes.find(kEndOfHead);
  if (end == std::string_view::npos) return std::nullopt;
  auto length = header(lower(bytes.substr(0, end + 2)), "content-length");
  size_t body = 0;
  for (char digit : length.value_or("")) {
    if (!std::isdigit(static_cast<unsigned char>(digit)) || body > 1'000'000'000) break;
    body = body * 10 + static_cast<size_t>(digit - '0');
  }
  size_t size = end + kEndOfHead.size() + body;
  if (size > bytes.size()) return std::nullopt;
  return size;
}

bool wants_close(std::string_view request) {
  std::string head = lower(request.substr(0, request.find(kEndOfHead) + 2));
  auto connection = header(head, "connection");
  return connection ? connection->find("close") != std::string::npos : head.find(" http/1.0\r\n") != std::string::npos;
}

std::string response(std::string_view body, bool close) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         (close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n") + std::string(body);
}

bool reply_complete(std::string_view bytes) {
  if (!bytes.starts_with("HTTP/")) return bytes.find('\n') != std::string_view::npos;
  size_t end = bytes.find(kEndOfHead);
  if (end == std::string_view::npos || !header(lower(bytes.substr(0, end + 2)), "content-length")) return false;
  return message_size(bytes).has_value();
}

std::string reply_text(std::string_view bytes) {
  if (!bytes.starts_with("HTTP/")) return std::string(first_line(bytes));
  size_t end = bytes.find(kEndOfHead);
  std::string_view body = end == std::string_view::npos ? "" : first_line(bytes.substr(end));
  return std::string(body.empty() ? first_line(bytes) : body);
}

}  // namespace workload
