// Counts by request and the first names: enough to say in a line of bounded length what a batch, or
// a second, was about.
#include "ctl/change_log.h"

#include "base/log.h"
#include "ctl/changes.h"
#include "ctl/request.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 16
#define NAMES_TEXT 256
#define SUMMARY_TEXT 768
#define ITEM_TEXT 192
#define PART_OCTETS 31
#define HANDS_FIRST 16

struct summary {
	unsigned n;
	unsigned kinds;
	struct kind {
		const char *request;
		unsigned n;
	} kind[KINDS_MAX];
	unsigned named; // of n, in names
	char names[NAMES_TEXT];
};

// What an owner's or operator's user has done in this second.
struct hand {
	struct author author; // with the last one's process
	bool rest;	      // it is that of all further owners of the user
	unsigned lines;
	struct summary more; // without lines of their own
};

struct change_log {
	const struct owners *owners;
	struct event *second;
	unsigned hands;
	unsigned room;
	struct hand *hand; // [hands], room for more
};

static void count(struct summary *summary, const char *request)
{
	unsigned i = 0;

	while (i < summary->kinds && strcmp(summary->kind[i].request, request) != 0)
		i++;
	if (i == KINDS_MAX)
		return;
	if (i == summary->kinds)
		summary->kind[summary->kinds++] = (struct kind){.request = request};
	summary->kind[i].n++;
}

static const char *text_of(const json_t *arguments, const char *name)
{
	return json_string_value(json_object_get(arguments, name));
}

// " site-b in 0xc0000001"; nothing for what has no name. These arguments are named one by one: none
// else, and no key, comes into the log.
static void name_of(const json_t *arguments, char text[ITEM_TEXT])
{
	static const char *const parts[] = {"tunnel", "direction", "what", "owner"};
	const char *name = text_of(arguments, "name");
	json_int_t spi = json_integer_value(json_object_get(arguments, "spi"));
	size_t used = (size_t)snprintf(
		text, ITEM_TEXT, name ? " %.*s" : "", TUNNEL_NAME - 1, name ? name : "");

	for (unsigned i = 0; !name && i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *part = text_of(arguments, parts[i]);

		if (part)
			used += (size_t)snprintf(
				text + used, ITEM_TEXT - used, " %.*s", PART_OCTETS, part);
	}
	if (!name && spi > 0)
		snprintf(text + used, ITEM_TEXT - used, " 0x%08llx", (unsigned long long)spi);
	request_clean(text);
}

static void add_name(struct summary *summary, const char *name)
{
	size_t used = strlen(summary->names);

	// Those that are told are the first ones.
	if (name[0] == '\0' || summary->named < summary->n - 1 ||
		used + strlen(name) + 1 >= NAMES_TEXT)
		return;
	snprintf(summary->names + used, NAMES_TEXT - used, "%s%s", used > 0 ? "," : "", name);
	summary->named++;
}

static void summarise(struct summary *summary, const struct change_step *steps, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[ITEM_TEXT];

		if (!steps[i].edited)
			continue;
		summary->n++;
		count(summary, steps[i].request->name);
		name_of(steps[i].arguments, name);
		add_name(summary, name);
	}
}

// "3 changes (add-tunnel 1, add-sa 2): a, a out 0xc0000001, a in 0xc0000002"; " and 185 more" where
// the names are too many.
static void describe(const struct summary *summary, char text[SUMMARY_TEXT])
{
	size_t used;

	if (summary->n == 1) {
		snprintf(text, SUMMARY_TEXT, "%s%s", summary->kind[0].request, summary->names);
		return;
	}
	used = (size_t)snprintf(text, SUMMARY_TEXT, "%u changes", summary->n);
	for (unsigned i = 0; i < summary->kinds; i++)
		used += (size_t)snprintf(text + used, SUMMARY_TEXT - used, "%s%s %u",
			i == 0 ? " (" : ", ", summary->kind[i].request, summary->kind[i].n);
	used += (size_t)snprintf(text + used, SUMMARY_TEXT - used, ")%s%s",
		summary->named > 0 ? ":" : "", summary->names);
	if (summary->named > 0 && summary->named < summary->n)
		snprintf(text + used, SUMMARY_TEXT - used, " and %u more",
			summary->n - summary->named);
}

static void tell(const struct change_log *log, const struct author *author,
	const struct summary *summary, const char *when)
{
	char who[AUTHOR_TEXT], text[SUMMARY_TEXT];

	describe(summary, text);
	log_notice("control: %s%s: %s", author_text(log->owners, author, who), when, text);
}

static void tell_more(const struct change_log *log, const struct hand *hand)
{
	char text[SUMMARY_TEXT];

	if (!hand->rest) {
		tell(log, &hand->author, &hand->more, ", within a second more");
		return;
	}
	describe(&hand->more, text);
	log_notice("control: other owners of user %u, within a second more: %s", hand->author.uid,
		text);
}

static void tell_rest(struct change_log *log)
{
	for (unsigned i = 0; i < log->hands; i++)
		if (log->hand[i].more.n > 0)
			tell_more(log, &log->hand[i]);
	log->hands = 0;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_rest(arg);
}

// NULL: no memory.
static struct hand *add_hand(struct change_log *log)
{
	static const struct timeval second = {.tv_sec = 1};
	unsigned room = log->room ? 2 * log->room : HANDS_FIRST;
	struct hand *grown = log->hand;

	if (log->hands == log->room) {
		grown = reallocarray(log->hand, room, sizeof(*grown));
		if (!grown)
			return NULL;
		log->hand = grown;
		log->room = room;
	}
	if (log->hands == 0)
		evtimer_add(log->second, &second);
	return &grown[log->hands++];
}

// NULL: no memory.
static struct hand *hand_of(struct change_log *log, const struct author *author)
{
	unsigned of_user = 0;
	struct hand *hand;

	for (unsigned i = 0; i < log->hands; i++) {
		hand = &log->hand[i];
		if (hand->author.uid != author->uid)
			continue;
		if (hand->rest || hand->author.owner == author->owner) {
			hand->author = *author;
			return hand;
		}
		of_user++;
	}
	hand = add_hand(log);
	if (hand)
		*hand = (struct hand){.author = *author, .rest = of_user == CHANGE_LOG_OWNERS};
	return hand;
}

// Where what the author has done now is counted; NULL: it has a line of its own.
static struct summary *counted_in(struct change_log *log, const struct author *author)
{
	struct hand *hand = hand_of(log, author);

	if (hand && hand->lines == CHANGE_LOG_LINES)
		return &hand->more;
	if (hand)
		hand->lines++;
	return NULL;
}

void change_log_add(struct change_log *log, const struct author *author,
	const struct change_step *steps, unsigned n)
{
	struct summary summary = {.n = 0}, *more;

	summarise(&summary, steps, n);
	if (summary.n == 0)
		return;
	more = counted_in(log, author);
	if (more)
		summarise(more, steps, n);
	else
		tell(log, author, &summary, "");
}

struct change_log *change_log_create(struct event_base *events, const struct owners *owners)
{
	struct change_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->owners = owners;
	log->second = evtimer_new(events, on_second, log);
	if (log->second)
		return log;
	free(log);
	return NULL;
}

void change_log_destroy(struct change_log *log)
{
	if (!log)
		return;
	tell_rest(log);
	event_free(log->second);
	free(log->hand);
	free(log);
}
