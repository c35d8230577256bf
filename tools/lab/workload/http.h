#pragma once
// As much of HTTP/1 as a test server and a probe need.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace workload {

/** Whether these first bytes of a connection may be, or are, an HTTP request. */
bool looks_like_request(std::string_view bytes);

/** Size of the message at the front of `bytes`, head and body by Content-Length; nothing while it is incomplete. */
std::optional<size_t> message_size(std::string_view bytes);

/** Whether the client wants the connection closed after this request. */
bool wants_close(std::string_view request);

/** A response with this body. */
std::string response(std::string_view body, bool close);

/**
 * Whether a probe has all it waits for: of HTTP a message whose length is known, else a line. Without a known length the end of the connection ends it.
 */
bool reply_complete(std::string_view bytes);

/** What the server said, on one line: of HTTP the first line of the body, or the status line where there is no body. */
std::string reply_text(std::string_view bytes);

}  // namespace workload
