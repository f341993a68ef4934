// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "common/status.h"

// Whole files, durable where they are written. All errors name the path and what the system said:
// kNotFound, kResourceExhausted (disk full: with the bytes needed), kFailedPrecondition (not
// permitted), otherwise kUnavailable.
namespace skybridge::env {

// What std::filesystem says of an attempt. OK if there was no error.
Status SystemStatus(const std::error_code& error, const std::string& attempt);

// False only if it is known not to be there. Errors: kUnavailable.
Result<bool> Exists(const std::string& path);

// The whole content.
Result<std::string> ReadFile(const std::string& path);

// The content in pieces, for large files; a `sink` that fails ends it with that error.
Status ReadPieces(const std::string& path, const std::function<Status(std::string_view)>& sink);

// Creates or replaces `path`: whoever looks sees the old content or the new one, also after a
// crash, and the new one survives a power cut once this returned.
Status WriteFileDurably(const std::string& path, std::string_view content);

// The name that a file was to get: that of one which WriteFileDurably was writing when its process
// was killed, or its own.
std::string_view NameWrittenAs(std::string_view name);

// A new file that only its owner may read. Errors also: kAlreadyExists.
Status WriteSecretFile(const std::string& path, std::string_view content);

// Creates the folder and its parents; one that exists is fine. Their names survive a power cut.
Status MakeFolders(const std::string& path);

// Makes the names in a folder survive a power cut.
Status SyncFolder(const std::string& path);

// Bytes that an unprivileged process may still write to the disk of `path`, which exists.
Result<uint64_t> FreeBytes(const std::string& path);

// Errors: kResourceExhausted unless `bytes` more fit on the disk of `path`.
Status CheckFreeSpace(const std::string& path, uint64_t bytes);

}  // namespace skybridge::env
