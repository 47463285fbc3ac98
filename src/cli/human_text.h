// Numbers and bytes as people read them. Programs use -o json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "talea/bytes.h"

namespace talea::cli {

/// "512 B", "1.5 KiB", "64.0 MiB".
std::string human_bytes(std::uint64_t bytes);
/// "0.042 s", "12.3 s", "3 min 5 s".
std::string human_seconds(double seconds);
/// "850 ns", "12.3 us", "4.5 ms", "1.250 s".
std::string human_duration(std::uint64_t nanoseconds);
/// Escapes what a terminal would obey or could not show, C-style: \n, \\, \x1b. Printable UTF-8
/// stays.
std::string printable(BytesView bytes);
/// Rows in aligned columns: the first left, the others right.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace talea::cli
