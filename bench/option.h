// Numbers among vpebench's options.
#pragma once

#define NUMBER_LIST_MAX 32

struct number_list {
	unsigned n;
	unsigned number[NUMBER_LIST_MAX];
};

// Both end the program with a word of help where they find something else.
unsigned option_number(const char *text, unsigned least, unsigned most);
// From 1 on, several with commas between.
void option_numbers(const char *text, unsigned most, struct number_list *list);
