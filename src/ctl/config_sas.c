// Settings of a tunnel's SAs.
#include "base/credential.h"
#include "base/keyfile.h"
#include "base/secret.h"
#include "ctl/config_tables.h"
#include "proto/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// In the environment where the service manager does.
#define STARTED_AGAIN "VPED_STARTED_AGAIN"

static int protocol(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct proto_table *protos = reader->protos;
	struct config_sa *sa = object;
	char known[64] = "", quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < protos->n; i++) {
		if (strcmp(protos->proto[i]->name, text) == 0) {
			sa->params.proto = protos->proto[i];
			return 0;
		}
		text_append(
			known, sizeof(known), "%s\"%s\"", i ? " or " : "", protos->proto[i]->name);
	}
	return setting_fail(
		reader, setting, "'protocol' is %s; %s is wanted", quote(text, quoted), known);
}

// What other configurations have, and why not here.
static const struct {
	const char *prefix;
	const char *why;
} refused[] = {
	{"des", "is broken and RFC 8221 forbids it"},
	{"3des", "is weak and RFC 8221 advises against it"},
	{"blowfish", "has a 64-bit block and RFC 8221 forbids it"},
	{"cast", "has a 64-bit block and RFC 8221 forbids it"},
	{"idea", "has a 64-bit block and RFC 8221 forbids it"},
	{"rc5", "has a 64-bit block and RFC 8221 forbids it"},
	{"md5", "is broken and RFC 8221 forbids it"},
	{"hmac-md5", "is broken and RFC 8221 forbids it"},
	{"null", "encrypts nothing"},
#define UNAUTHENTICATED \
	"alone does not authenticate, and RFC 8221 forbids encryption without integrity"
	{"aes-cbc", UNAUTHENTICATED},
	{"aes-ctr", UNAUTHENTICATED},
	{"aes-128-cbc", UNAUTHENTICATED},
	{"aes-192-cbc", UNAUTHENTICATED},
	{"aes-256-cbc", UNAUTHENTICATED},
	{"aes-128-ctr", UNAUTHENTICATED},
	{"aes-192-ctr", UNAUTHENTICATED},
	{"aes-256-ctr", UNAUTHENTICATED},
};

static int refuse_algorithm(
	struct reader *reader, const config_setting_t *setting, const char *text)
{
	char known[128] = "", quoted[QUOTE_TEXT];

	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++)
		text_append(known, sizeof(known), "%s%s", i ? ", " : "",
			aead_name((enum aead_algorithm)i));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strncasecmp(text, refused[i].prefix, strlen(refused[i].prefix)) == 0)
			return setting_fail(reader, setting,
				"algorithm %s %s; take one of %s (RFC 8221)", quote(text, quoted),
				refused[i].why, known);
	return setting_fail(
		reader, setting, "'algorithm' is %s; known here: %s", quote(text, quoted), known);
}

static int algorithm(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct config *config = reader->config;
	struct config_sa *sa = object;
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (aead_by_name(text, &sa->params.algorithm) < 0)
		return refuse_algorithm(reader, setting, text);
	if (!aead_choose(reader->engines, sa->params.algorithm, config->crypto))
		return setting_fail(reader, setting,
			"no engine does %s here with crypto = \"%s\"; choose another algorithm or "
			"crypto = \"auto\"",
			text, config->crypto);
	return 0;
}

// Whoever starts us again after a failure has no new keys. What comes over the socket does not
// outlive the daemon.
static int refuse_fresh_keys(struct reader *reader, const config_setting_t *setting)
{
	if (!reader->source || !getenv(STARTED_AGAIN))
		return 0;
	return setting_fail(reader, setting,
		"'manual_keys' is \"fresh-each-start\", and the service manager starts vped again "
		"after a failure, with the same keys (" STARTED_AGAIN
		" is set): take \"journaled\", or the drop-in fresh-keys.conf");
}

// Counters and static keys: the same key with the same counter twice gives everything away.
static int manual_keys(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_sa *sa = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	sa->params.journaled = strcmp(text, "journaled") == 0;
	if (sa->params.journaled)
		return 0;
	if (strcmp(text, "fresh-each-start") == 0)
		return refuse_fresh_keys(reader, setting);
	return setting_fail(reader, setting,
		"'manual_keys' is %s; \"journaled\" or \"fresh-each-start\" is wanted",
		quote(text, quoted));
}

// "credential:NAME", or a file's name. Neither may be the key itself.
static int key_path(
	struct reader *reader, const config_setting_t *setting, const char *text, char **path)
{
	static const char prefix[] = CREDENTIAL_PREFIX;
	bool credential = strncmp(text, prefix, strlen(prefix)) == 0;
	const char *name = credential ? text + strlen(prefix) : text;
	int ret;

	if (text[0] == '\0')
		return setting_fail(reader, setting, "'key_file' is empty; a file name is wanted");
	// A file may have digits for a name, but then it has more than them.
	if (quote_hides(name) && (quote_is_base64(name) || !strpbrk(name, "./")))
		return setting_fail(reader, setting,
			"'key_file' looks like a key (not shown); put it into a file with mode "
			"0600 and name the file here");
	if (credential) {
		ret = credential_path(name, path, reader->err);
		return ret < 0 ? reader_failed(reader, setting_line(setting), ret) : 0;
	}
	*path = source_beside(source_file(reader->source, 0), name);
	return *path ? 0 : reader_fail(reader, setting_line(setting), ENOMEM, "no memory");
}

static int key_file(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_sa *sa = object;
	size_t octets = aead_key_octets(sa->params.algorithm);
	const char *text;
	char *path = NULL;
	int ret = setting_string(reader, setting, &text);

	if (ret == 0)
		ret = key_path(reader, setting, text, &path);
	if (ret < 0)
		return ret;
	ret = keyfile_read(path, octets, sa->params.proto->has_salt ? SA_SALT_OCTETS : 0, &sa->key,
		sa->params.salt, reader->err);
	free(path);
	if (ret < 0)
		return reader_failed(reader, setting_line(setting), ret);
	ret = fingerprint_make(sa->key, octets, sa->fingerprint);
	if (ret < 0)
		return reader_fail(reader, setting_line(setting), -ret,
			"the key's fingerprint cannot be made: libcrypto failed");
	return 0;
}

static bool is_esp(const void *object)
{
	return strcmp(((const struct config_sa *)object)->params.proto->name, "esp") == 0;
}

static bool is_vpe(const void *object)
{
	return strcmp(((const struct config_sa *)object)->params.proto->name, "vpe") == 0;
}

static bool is_manual(const void *object)
{
	return ((const struct config_sa *)object)->owner <= OWNER_OPERATOR;
}

static bool is_inbound(const void *object)
{
	return ((const struct config_sa *)object)->inbound;
}

static bool has_windows(const void *object)
{
	return is_inbound(object) && is_vpe(object);
}

static int check_lifetimes(
	const struct reader *reader, const config_setting_t *group, const struct config_sa *sa)
{
	if ((sa->hard.seconds == 0 || sa->soft.seconds < sa->hard.seconds) &&
		(sa->hard.octets == 0 || sa->soft.octets < sa->hard.octets) &&
		(sa->hard.packets == 0 || sa->soft.packets < sa->hard.packets))
		return 0;
	return setting_fail(reader, group,
		"'soft_lifetime' does not end before 'hard_lifetime'; give the peers time to "
		"exchange keys in between");
}

static int sa_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_sa *sa = object;

	sa->line = setting_line(group);
	return check_lifetimes(reader, group, sa);
}

static int sa_in_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_sa *sa = object;

	if (!is_vpe(sa))
		sa->params.windows = 1;
	return sa_finish(reader, group, object);
}

#define LIMIT_ROW(limit)                                                                    \
	{                                                                                   \
		.name = #limit, .kind = SETTING_NUMBER, FIELD(struct config_limits, limit), \
		.min = 1, .max = INT64_MAX                                                  \
	}
static const struct setting limits_rows[] = {
	LIMIT_ROW(seconds), LIMIT_ROW(octets), LIMIT_ROW(packets)};
static const struct settings limits_settings = SETTINGS(limits_rows, NULL);

#define SA_ROWS                                                                                    \
	{.name = "protocol", .kind = SETTING_OTHER, .required = true, .read = protocol},           \
		{.name = "spi",                                                                    \
			.kind = SETTING_NUMBER,                                                    \
			FIELD(struct config_sa, params.spi),                                       \
			.required = true,                                                          \
			.min = 1,                                                                  \
			.max = UINT32_MAX,                                                         \
			.hex = true},                                                              \
		{.name = "algorithm", .kind = SETTING_OTHER, .required = true, .read = algorithm}, \
		{.name = "manual_keys",                                                            \
			.kind = SETTING_OTHER,                                                     \
			.required = true,                                                          \
			.read = manual_keys,                                                       \
			.applies = is_manual,                                                      \
			.otherwise = "is about keys that people make; a key daemon's are fresh",   \
			.missing = "'manual_keys' is missing: RFC 4106 section 2 and RFC 8221 "    \
				   "forbid AES-GCM and its like with manual keys, because a "      \
				   "key must never see a nonce twice; keys usually come from "     \
				   "IKE; with manual_keys = \"journaled\" a journal sees to it "   \
				   "across restarts (vpectl key-register)"},                       \
		{.name = "esn",                                                                    \
			.kind = SETTING_BOOL,                                                      \
			FIELD(struct config_sa, params.esn),                                       \
			.defaults = true,                                                          \
			.fallback = true,                                                          \
			.applies = is_esp,                                                         \
			.otherwise = "is ESP's; VPE always has 64-bit sequence numbers"},          \
		{.name = "soft_lifetime",                                                          \
			.kind = SETTING_GROUP,                                                     \
			FIELD(struct config_sa, soft),                                             \
			.group = &limits_settings},                                                \
		{.name = "hard_lifetime",                                                          \
			.kind = SETTING_GROUP,                                                     \
			FIELD(struct config_sa, hard),                                             \
			.group = &limits_settings},                                                \
	{                                                                                          \
		.name = "sender_id", .kind = SETTING_NUMBER,                                       \
		FIELD(struct config_sa, params.sender_id), .max = UINT16_MAX, .defaults = true,    \
		.applies = is_vpe, .otherwise = "is VPE's; ESP has no senders"                     \
	}

#define KEY_FILE_ROW                                                                          \
	{                                                                                     \
		.name = "key_file", .kind = SETTING_OTHER, .required = true, .read = key_file \
	}
static const struct setting sa_out_rows[] = {SA_ROWS, KEY_FILE_ROW};
const struct settings sa_out_settings = SETTINGS(sa_out_rows, sa_finish);

#define SA_IN_ROWS                                                                        \
	{.name = "replay_window",                                                         \
		.kind = SETTING_NUMBER,                                                   \
		FIELD(struct config_sa, params.replay_window),                            \
		.min = REPLAY_WINDOW_MIN,                                                 \
		.max = REPLAY_WINDOW_MAX,                                                 \
		.defaults = true,                                                         \
		.fallback = REPLAY_WINDOW_DEFAULT,                                        \
		.applies = is_inbound,                                                    \
		.otherwise = "is an inbound SA's"},                                       \
	{                                                                                 \
		.name = "windows", .kind = SETTING_NUMBER,                                \
		FIELD(struct config_sa, params.windows), .min = 1, .max = SA_WINDOWS_MAX, \
		.defaults = true, .fallback = SA_WINDOWS_DEFAULT, .applies = has_windows, \
		.otherwise = "is VPE's; an ESP SA has one window"                         \
	}
static const struct setting sa_in_rows[] = {SA_ROWS, KEY_FILE_ROW, SA_IN_ROWS};
const struct settings sa_in_settings = SETTINGS(sa_in_rows, sa_in_finish);

static int request_local(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_address(reader, setting, &((struct sa_request *)object)->sa.params.local);
}

static int request_remote(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_address(reader, setting, &((struct sa_request *)object)->sa.params.remote);
}

// The digits did not come through the setting, whose memory is not wiped.
static int request_key(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_sa *sa = object;
	size_t octets = aead_key_octets(sa->params.algorithm);
	int ret = keyfile_parse("the key", (const uint8_t *)reader->key, strlen(reader->key),
		octets, sa->params.proto->has_salt ? SA_SALT_OCTETS : 0, &sa->key, sa->params.salt,
		reader->err);

	(void)setting;
	if (ret == 0)
		ret = fingerprint_make(sa->key, octets, sa->fingerprint);
	return ret;
}

static int sa_request_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_sa *sa = object;

	if (sa->inbound && !is_vpe(sa))
		sa->params.windows = 1;
	return check_lifetimes(reader, group, sa);
}

static const struct setting_word direction_words[] = {{"in", true}, {"out", false}, {NULL, 0}};

static const struct setting sa_request_rows[] = {
	{.name = "tunnel",
		.kind = SETTING_TEXT,
		FIELD(struct sa_request, tunnel),
		.required = true,
		.wrong = name_wrong},
	{.name = "direction",
		.kind = SETTING_WORD,
		FIELD(struct sa_request, sa.inbound),
		.required = true,
		.words = direction_words},
	{.name = "local", .kind = SETTING_OTHER, .read = request_local},
	{.name = "remote", .kind = SETTING_OTHER, .read = request_remote},
	SA_ROWS,
	{.name = "key", .kind = SETTING_OTHER, .required = true, .read = request_key},
	SA_IN_ROWS,
};
const struct settings sa_request_settings = SETTINGS(sa_request_rows, sa_request_finish);
