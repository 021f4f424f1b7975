// Parses TOML 1.0 into a flat list that can be traversed in C: a table or an array is followed by its children. No function throws. All
// text is copied, so a document may outlive its source text.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CTOML_TABLE,
    CTOML_ARRAY,
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_TIME
} ctoml_kind;

// UTF-8 text. It is not zero-terminated, because a TOML string may contain a zero.
typedef struct {
    const char *bytes;
    size_t length;
} ctoml_text;

// Lines and columns count from 1; columns count characters, not bytes.
typedef struct {
    uint32_t line;
    uint32_t column;
} ctoml_position;

typedef struct {
    ctoml_kind kind;
    ctoml_position at;
    // The key and its position; only set for a table's children.
    ctoml_text key;
    ctoml_position key_at;
    // For a string, its characters; for any other value, its source text (`0.1` stays `0.1`); for a table or an array, empty.
    ctoml_text text;
    // The number of children of a table or an array. The children and their descendants follow this node.
    size_t children;
} ctoml_node;

typedef struct ctoml_document ctoml_document;

// Parses a text. Returns NULL only when out of memory.
ctoml_document *ctoml_parse(const char *bytes, size_t length);
void ctoml_free(ctoml_document *document);

// The error in the text and its position. The length is 0 if there is no error.
ctoml_text ctoml_error(const ctoml_document *document, ctoml_position *at);

// The nodes, beginning with the root table; NULL if the text has an error.
const ctoml_node *ctoml_nodes(const ctoml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif
