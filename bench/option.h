// Numbers and names among vpebench's options.
#pragma once

#include "crypto/aead.h"

#define NUMBER_LIST_MAX 32

struct number_list {
	unsigned n;
	unsigned number[NUMBER_LIST_MAX];
};

// All end the program with a word of help where they find something else.
unsigned option_number(const char *text, unsigned least, unsigned most);
// Several with commas between.
void option_numbers(const char *text, unsigned least, unsigned most, struct number_list *list);
enum aead_algorithm option_algorithm(const char *name);
