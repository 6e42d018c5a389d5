// Reading of the vector files under tests/vectors.
#pragma once

#include "fixture.h"

#include <jansson.h>

// The program's first argument joined with name, as JSON. Ends the test where it cannot be read.
json_t *vectors_load(const char *directory, const char *name);
const char *text_of(const json_t *object, const char *key);
uint64_t number_of(const json_t *object, const char *key);
// Octets written; the text is hex digits.
uint32_t octets_of(const json_t *object, const char *key, uint8_t *at, uint32_t room);
enum aead_algorithm algorithm_of(const json_t *object);
// By name, "accept" included. -1: no such reason.
int verdict_by_name(const char *name);
// Of a packet with only a header before the payload: its source and destination.
bool outer_addresses_are(const uint8_t *outer, const char *source, const char *destination);
