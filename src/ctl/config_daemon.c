// Settings of the daemon as a whole: EAL, control socket, packet buffers, replay windows,
// the journal, ICMP.
#include "ctl/api.h"
#include "ctl/config_lcores.h"
#include "ctl/config_tables.h"
#include "journal/journal_file.h"

#include <errno.h>
#include <string.h>

static int check_simd(
	const struct reader *reader, const config_setting_t *group, const struct config_eal *eal)
{
	if ((eal->simd_bits & (eal->simd_bits - 1)) == 0)
		return 0;
	return reader_fail(reader, setting_line(config_setting_get_member(group, "simd_bits")),
		EINVAL, "'simd_bits' is %u; 128, 256 or 512 is wanted", eal->simd_bits);
}

static int check_lcores(
	const struct reader *reader, const config_setting_t *group, const struct config_eal *eal)
{
	unsigned line = group ? setting_line(config_setting_get_member(group, "lcores")) : 1;
	struct lcore_set set;
	int ret;

	if (eal->lcores[0] == '\0')
		return 0;
	ret = lcores_parse(eal->lcores, &set, reader->err);
	if (ret < 0) {
		error_prefix(reader->err, "'lcores': ");
		return reader_failed(reader, line, ret);
	}
	if (set.n < 2)
		return reader_fail(reader, line, EINVAL,
			"'lcores' leaves no worker: the lowest lcore is the control thread's; name "
			"two or more");
	return 0;
}

static int eal_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	const struct config_eal *eal = object;
	int ret = check_simd(reader, group, eal);

	return ret < 0 ? ret : check_lcores(reader, group, eal);
}

// Two devices' buffers and three routing tables: one in use, one that workers may still see, one
// being built.
#define MEMORY_MB_MIN 256

static const struct setting eal_rows[] = {
	{.name = "huge",
		.kind = SETTING_BOOL,
		FIELD(struct config_eal, huge),
		.defaults = true,
		.fallback = true},
	{.name = "memory_mb",
		.kind = SETTING_NUMBER,
		FIELD(struct config_eal, memory_mb),
		.min = MEMORY_MB_MIN,
		.max = 1048576,
		.defaults = true,
		.fallback = 512},
	{.name = "simd_bits",
		.kind = SETTING_NUMBER,
		FIELD(struct config_eal, simd_bits),
		.min = 128,
		.max = 512,
		.defaults = true,
		.fallback = 0}, // EAL's own
	{.name = "telemetry",
		.kind = SETTING_BOOL,
		FIELD(struct config_eal, telemetry),
		.defaults = true,
		.fallback = false},
	// Made from the workers where it is left out.
	{.name = "lcores", .kind = SETTING_TEXT, FIELD(struct config_eal, lcores)},
};
const struct settings eal_settings = SETTINGS(eal_rows, eal_finish);

static const char *path_wrong(const char *path)
{
	return path[0] == '/' ? NULL : "a path that begins with '/' is wanted";
}

static const struct setting control_rows[] = {
	{.name = "socket",
		.kind = SETTING_TEXT,
		FIELD(struct config, socket),
		.wrong = path_wrong,
		.defaults = true,
		.fallback_text = API_SOCKET_DEFAULT},
	{.name = "admin_socket",
		.kind = SETTING_TEXT,
		FIELD(struct config, admin_socket),
		.wrong = path_wrong},
	{.name = "host_guard",
		.kind = SETTING_BOOL,
		FIELD(struct config, host_guard),
		.defaults = true,
		.fallback = true},
};
// Two daemons with sockets of their own have both by naming one.
static int control_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config *config = object;
	size_t octets = strlen(config->socket);

	if (config->admin_socket[0] != '\0' && strcmp(config->admin_socket, config->socket) != 0)
		return 0;
	if (config->admin_socket[0] != '\0')
		return reader_fail(reader, setting_line(group), EINVAL,
			"'admin_socket' is 'socket'; a path of its own is wanted");
	if (octets > 5 && strcmp(config->socket + octets - 5, ".sock") == 0)
		octets -= 5;
	if (octets + sizeof("-admin.sock") > sizeof(config->admin_socket))
		return reader_fail(reader, setting_line(group), EINVAL,
			"'socket' is too long to have '-admin' in it; give 'admin_socket'");
	memcpy(config->admin_socket, config->socket, octets);
	memcpy(config->admin_socket + octets, "-admin.sock", sizeof("-admin.sock"));
	return 0;
}

const struct settings control_settings = SETTINGS(control_rows, control_finish);

static const struct setting buffers_rows[] = {
	{.name = "count",
		.kind = SETTING_NUMBER,
		FIELD(struct config_buffers, count),
		.min = 1024,
		.max = 4194304,
		.defaults = true,
		.fallback = 0}, // by the devices, see check_buffers
	{.name = "octets",
		.kind = SETTING_NUMBER,
		FIELD(struct config_buffers, octets),
		.min = 2176,
		.max = 16640,
		.defaults = true,
		.fallback = 2176},
};
const struct settings buffers_settings = SETTINGS(buffers_rows, NULL);

static const struct setting punt_rows[] = {
#define X(id, per_second)                                         \
	{.name = #id,                                             \
		.kind = SETTING_NUMBER,                           \
		FIELD(struct config, punt_per_second[PUNT_##id]), \
		.min = 8,                                         \
		.max = 1000000,                                   \
		.defaults = true,                                 \
		.fallback = (per_second)},
	PUNT_CLASSES(X)
#undef X
};
const struct settings punt_settings = SETTINGS(punt_rows, NULL);

static const struct setting replay_rows[] = {
	{.name = "pool_kb",
		.kind = SETTING_NUMBER,
		FIELD(struct config, replay_pool_kb),
		.min = 64,
		.max = 4194304,
		.defaults = true,
		.fallback = 4096},
};
const struct settings replay_settings = SETTINGS(replay_rows, NULL);

static const struct setting journal_rows[] = {
	{.name = "file",
		.kind = SETTING_TEXT,
		FIELD(struct config_journal, file),
		.wrong = path_wrong,
		.defaults = true,
		.fallback_text = JOURNAL_FILE_DEFAULT},
	{.name = "unsafe",
		.kind = SETTING_BOOL,
		FIELD(struct config_journal, unsafe),
		.defaults = true},
};
const struct settings journal_settings = SETTINGS(journal_rows, NULL);

// The buckets are filled once a millisecond at most.
#define ICMP_RATE_MAX 1000

static const struct setting icmp_rows[] = {
	{.name = "policy_refusal",
		.kind = SETTING_BOOL,
		FIELD(struct config_icmp, policy_refusal),
		.defaults = true,
		.fallback = true},
	{.name = "rate",
		.kind = SETTING_NUMBER,
		FIELD(struct config_icmp, rate),
		.min = 1,
		.max = ICMP_RATE_MAX,
		.defaults = true,
		.fallback = 10},
	{.name = "burst",
		.kind = SETTING_NUMBER,
		FIELD(struct config_icmp, burst),
		.min = 1,
		.max = 1000,
		.defaults = true,
		.fallback = 20},
	{.name = "total_rate",
		.kind = SETTING_NUMBER,
		FIELD(struct config_icmp, total_rate),
		.min = 1,
		.max = ICMP_RATE_MAX,
		.defaults = true,
		.fallback = 1000},
	{.name = "total_burst",
		.kind = SETTING_NUMBER,
		FIELD(struct config_icmp, total_burst),
		.min = 1,
		.max = 10000,
		.defaults = true,
		.fallback = 100},
};
const struct settings icmp_settings = SETTINGS(icmp_rows, NULL);
