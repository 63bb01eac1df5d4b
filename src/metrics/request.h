// SPDX-License-Identifier: Apache-2.0
// As much of HTTP/1.1 as somebody needs who asks for one page. Pure.
#pragma once
#include <string>
#include <string_view>

namespace tlspool::metrics {

/// What is answered to the bytes that came so far.
enum class Answer {
  wait,        ///< the request is not complete
  page,        ///< 200 with the metrics
  page_head,   ///< the same without the body (HEAD)
  index,       ///< 200: where the metrics are
  bad,         ///< 400
  not_found,   ///< 404
  no_method,   ///< 405
  too_long,    ///< 431
};

/// A request with all its header fields is no longer than this.
inline constexpr std::size_t longest_request = 8 * 1024;

[[nodiscard]] Answer answer_to(std::string_view bytes);

/// The whole response, after which the connection is closed. `page`: the metrics, where the answer has them.
[[nodiscard]] std::string response(Answer answer, std::string_view page);

}  // namespace tlspool::metrics
