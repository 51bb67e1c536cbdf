// RFC 3986: its examples, each part's characters, and what is none.

#include "fabric/event/uri.hpp"

#include <gtest/gtest.h>

#include <string>

namespace fabric {
namespace {

TEST(UriTest, ExamplesOfTheStandards) {
  for (const auto* uri :
       {"ftp://ftp.is.co.za/rfc/rfc1808.txt", "http://www.ietf.org/rfc/rfc2396.txt",
        "ldap://[2001:db8::7]/c=GB?objectClass?one", "mailto:John.Doe@example.com",
        "news:comp.infosystems.www.servers.unix", "tel:+1-816-555-1212", "telnet://192.0.2.16:80/",
        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2", "foo://example.com:8042/over/there?name=ferret#nose",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "https://github.com/cloudevents",
        "x:", "http://user:pw@[::ffff:1.2.3.4]:/", "http://[v1.fe80::a+en1]/", "file:///etc"}) {
    EXPECT_TRUE(is_uri(uri)) << uri;
    EXPECT_TRUE(is_uri_reference(uri)) << uri;
  }
}

TEST(UriTest, ReferencesMayBeRelative) {
  for (const auto* reference : {"", "/cloudevents/spec/pull/123", "1-555-123-4567", "./this:that", "//host", "?q", "#f",
                                "a/b:c", "/a%20b", "/sensors/tn-1234567/alerts", "//host//x", "?a=b?c/d#e?f/g"}) {
    EXPECT_TRUE(is_uri_reference(reference)) << reference;
    EXPECT_FALSE(is_uri(reference)) << reference;
  }
}

TEST(UriTest, WhatIsNone) {
  for (const std::string bad : {"a b",
                                "1:x",
                                ":x",
                                "a_b:c",
                                "%",
                                "%4",
                                "%4g",
                                "/a%zz",
                                "http://a b/",
                                "http://[::1",
                                "http://[::1]x",
                                "http://[1.2.3.4]/",
                                "http://[::g]/",
                                "http://h:80x/",
                                "http://a@b@c/",
                                "http://[v.x]/",
                                "http://[v1.]/",
                                "a#b#c",
                                "/\xc3\xa4",
                                "/a\n",
                                "<x>",
                                "a|b",
                                "\\\\host",
                                "/a[b]",
                                "x:^",
                                "http://[fe80::1%25en0]/"})
    EXPECT_FALSE(is_uri_reference(bad)) << bad;
  EXPECT_FALSE(is_uri_reference(std::string_view("/a\0b", 4)));
  EXPECT_FALSE(is_uri_reference(std::string_view("http://[::1\0]/", 14)));
  EXPECT_FALSE(is_uri_reference("http://[" + std::string(100, '1') + "]/"));
}

TEST(UriTest, EveryByteAndEveryTruncationIsSurvived) {
  const std::string text = "s://u@[::1]:8/p%20q?r#f";
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) static_cast<void>(is_uri_reference(text.substr(0, bytes)));
  for (std::size_t at = 0; at < text.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      auto changed = text;
      changed[at] = static_cast<char>(c);
      static_cast<void>(is_uri_reference(changed));
    }
}

}  // namespace
}  // namespace fabric
