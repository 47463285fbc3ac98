#include "s3/answers.h"

#include <charconv>
#include <pugixml.hpp>

#include "s3/time_text.h"
#include "s3/uri.h"

namespace talea::s3 {
namespace {

// A key that is a blank is a key.
constexpr unsigned kParsing = pugi::parse_default | pugi::parse_ws_pcdata_single;

Status not_s3(std::string_view what) {
  return Status::corruption("the answer is not one of S3: " + std::string(what));
}

Result<std::uint64_t> number(std::string_view text, std::string_view what) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, value);
  if (failure != std::errc() || end != last || text.empty()) return not_s3(what);
  return value;
}

// An XML document and its outermost element.
struct Document {
  pugi::xml_document document;
  pugi::xml_node root;
};

Status load(BytesView xml, std::string_view root, Document& into) {
  if (!into.document.load_buffer(xml.data(), xml.size(), kParsing)) return not_s3("no XML");
  into.root = into.document.document_element();
  if (into.root.name() != root) return not_s3("no <" + std::string(root) + ">");
  return {};
}

// Text of a list, which is encoded when the list says so.
class ListText {
 public:
  ListText(pugi::xml_node root, std::string_view prefix)
      : encoded_(std::string_view(root.child_value("EncodingType")) == "url"), prefix_(prefix) {}

  Result<std::string> key(std::string_view text) const {
    std::string whole(text);
    if (encoded_) {
      std::optional<std::string> decoded = percent_decode(text, PlusSign::space);
      if (!decoded) return not_s3("a key that is not encoded");
      whole = std::move(*decoded);
    }
    if (!whole.starts_with(prefix_)) return not_s3("a key that does not begin with the prefix");
    return whole.substr(prefix_.size());
  }

 private:
  const bool encoded_;
  const std::string_view prefix_;
};

Result<ObjectInfo> parse_entry(pugi::xml_node entry, const ListText& text) {
  ObjectInfo info;
  info.key = TALEA_TRY(text.key(entry.child_value("Key")));
  info.etag = entry.child_value("ETag");
  info.version_id = entry.child_value("VersionId");
  const auto modified = parse_xml_time(entry.child_value("LastModified"));
  if (!modified) return not_s3("no <LastModified>");
  info.last_modified_ms = *modified;
  if (entry.name() != std::string_view("DeleteMarker")) {
    info.size = TALEA_TRY(number(entry.child_value("Size"), "no <Size>"));
  }
  return info;
}

Result<bool> is_truncated(pugi::xml_node root) {
  const std::string_view text = root.child_value("IsTruncated");
  if (text != "true" && text != "false") return not_s3("no <IsTruncated>");
  return text == "true";
}

void append_escaped(std::string& xml, std::string_view text) {
  for (const char character : text) {
    switch (character) {
      case '&': xml += "&amp;"; break;
      case '<': xml += "&lt;"; break;
      case '>': xml += "&gt;"; break;
      case '"': xml += "&quot;"; break;
      // A parser makes others of them when they stand as they are.
      case '\t': xml += "&#9;"; break;
      case '\n': xml += "&#10;"; break;
      case '\r': xml += "&#13;"; break;
      default: xml += character;
    }
  }
}

void append_element(std::string& xml, std::string_view name, std::string_view text) {
  xml.append("<").append(name).append(">");
  append_escaped(xml, text);
  xml.append("</").append(name).append(">");
}

}  // namespace

bool is_xml(BytesView xml) {
  Document document;
  return document.document.load_buffer(xml.data(), xml.size(), kParsing);
}

bool has_root(BytesView xml, std::string_view root) {
  Document document;
  return load(xml, root, document).ok();
}

Result<ObjectInfo> parse_info(const HttpResponse& response, std::string_view key) {
  ObjectInfo info;
  info.key = key;
  info.etag = response.header("etag").value_or("");
  info.version_id = response.header("x-amz-version-id").value_or("");
  info.write_nonce = response.header(kNonceHeader).value_or("");
  if (info.etag.empty()) return not_s3("an object without an ETag");
  const auto modified = parse_http_date(response.header("last-modified").value_or(""));
  if (!modified) return not_s3("an object without Last-Modified");
  info.last_modified_ms = *modified;
  if (const auto range = response.header("content-range")) {
    info.size = TALEA_TRY(number(range->substr(range->rfind('/') + 1), "a Content-Range"));
  } else {
    const auto length = response.header("content-length");
    info.size = length ? TALEA_TRY(number(*length, "a length")) : response.body.size();
  }
  return info;
}

Result<ListPage> parse_list(BytesView xml, std::string_view prefix) {
  Document document;
  TALEA_TRY(load(xml, "ListBucketResult", document));
  const ListText text(document.root, prefix);
  ListPage page;
  for (const pugi::xml_node entry : document.root.children("Contents")) {
    page.objects.push_back(TALEA_TRY(parse_entry(entry, text)));
  }
  if (TALEA_TRY(is_truncated(document.root))) {
    page.next_token = document.root.child_value("NextContinuationToken");
    if (page.next_token.empty()) return not_s3("a list that goes on and does not say where");
  }
  return page;
}

Result<VersionPage> parse_versions(BytesView xml, std::string_view prefix) {
  Document document;
  TALEA_TRY(load(xml, "ListVersionsResult", document));
  const ListText text(document.root, prefix);
  VersionPage page;
  for (const pugi::xml_node entry : document.root.children()) {
    const std::string_view name = entry.name();
    if (name != "Version" && name != "DeleteMarker") continue;
    ObjectVersion version;
    version.info = TALEA_TRY(parse_entry(entry, text));
    // Without an id a get would read the newest.
    if (version.info.version_id.empty()) return not_s3("a version without a <VersionId>");
    version.is_latest = std::string_view(entry.child_value("IsLatest")) == "true";
    version.is_delete_marker = name == "DeleteMarker";
    page.versions.push_back(std::move(version));
  }
  page.truncated = TALEA_TRY(is_truncated(document.root));
  if (page.truncated) {
    if (!document.root.child("NextKeyMarker")) {
      return not_s3("a list that goes on and does not say where");
    }
    page.next_key_marker = TALEA_TRY(text.key(document.root.child_value("NextKeyMarker")));
    page.next_version_id_marker = document.root.child_value("NextVersionIdMarker");
  }
  return page;
}

Result<Versioning> parse_versioning(BytesView xml) {
  Document document;
  TALEA_TRY(load(xml, "VersioningConfiguration", document));
  const std::string_view status = document.root.child_value("Status");
  if (status == "Enabled") return Versioning::enabled;
  if (status == "Suspended") return Versioning::suspended;
  if (status.empty()) return Versioning::never;
  return not_s3("a <Status> of versioning that is none");
}

Result<std::string> parse_upload_id(BytesView xml) {
  Document document;
  TALEA_TRY(load(xml, "InitiateMultipartUploadResult", document));
  std::string id = document.root.child_value("UploadId");
  if (id.empty()) return not_s3("no <UploadId>");
  return id;
}

Result<Etag> parse_etag(BytesView xml) {
  Document document;
  if (!document.document.load_buffer(xml.data(), xml.size(), kParsing)) return not_s3("no XML");
  Etag etag = document.document.document_element().child_value("ETag");
  if (etag.empty()) return not_s3("no <ETag>");
  return etag;
}

Result<std::vector<DeleteError>> parse_delete_errors(BytesView xml) {
  Document document;
  TALEA_TRY(load(xml, "DeleteResult", document));
  std::vector<DeleteError> errors;
  for (const pugi::xml_node each : document.root.children("Error")) {
    errors.push_back({.key = each.child_value("Key"),
                      .code = each.child_value("Code"),
                      .message = each.child_value("Message")});
  }
  return errors;
}

bool fits_in_xml(std::string_view key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto byte = static_cast<unsigned char>(key[i]);
    if (byte < 0x20 && key[i] != '\t' && key[i] != '\n' && key[i] != '\r') return false;
    // U+FFFE and U+FFFF.
    if (byte == 0xEF && i + 2 < key.size() && static_cast<unsigned char>(key[i + 1]) == 0xBF &&
        static_cast<unsigned char>(key[i + 2]) >= 0xBE) {
      return false;
    }
  }
  return true;
}

std::string delete_body(std::span<const std::string> keys, std::string_view version_id) {
  std::string xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& key : keys) {
    xml += "<Object>";
    append_element(xml, "Key", key);
    if (!version_id.empty()) append_element(xml, "VersionId", version_id);
    xml += "</Object>";
  }
  return xml + "</Delete>";
}

std::string complete_body(std::span<const Etag> parts) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    xml += "<Part>";
    append_element(xml, "PartNumber", std::to_string(i + 1));
    append_element(xml, "ETag", parts[i]);
    xml += "</Part>";
  }
  return xml + "</CompleteMultipartUpload>";
}

}  // namespace talea::s3
