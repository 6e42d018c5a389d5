// Numbers on the command line.
#pragma once

#define NUMBER_LIST_MAX 32

struct number_list {
	unsigned n;
	unsigned number[NUMBER_LIST_MAX];
};

// 1 to most; ends the program with a word of help otherwise.
unsigned number_option(const char *text, unsigned most);
// The same, several with commas between.
void number_list_option(const char *text, unsigned most, struct number_list *list);
