// TOML 1.0 as a flat list that C can walk: a node stands before its children, a table's or an array's. Nothing throws, and everything
// is copied, so a document may outlive its source text.
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

// UTF-8, not ended by a zero: a TOML string may contain one.
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
    // Only of a table's children.
    ctoml_text key;
    ctoml_position key_at;
    // A string's characters; of any other value its source text (`0.1` stays `0.1`); empty for a table and an array.
    ctoml_text text;
    // How many children a table or an array has. They and all below them follow.
    size_t children;
} ctoml_node;

typedef struct ctoml_document ctoml_document;

// NULL only when the memory is out.
ctoml_document *ctoml_parse(const char *bytes, size_t length);
void ctoml_free(ctoml_document *document);

// What is wrong with the text and where; of length 0 when nothing is.
ctoml_text ctoml_error(const ctoml_document *document, ctoml_position *at);

// The nodes, the first of which is the top table. NULL after an error.
const ctoml_node *ctoml_nodes(const ctoml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif
