// The one table of subcommands: --help, the completion and the batches come from it, and a test
// holds the manual page to it.
#include "ctl/api.h"
#include "vpectl/vpectl.h"

#include <string.h>

#define TEXT(name)                         \
	{                                  \
		name, PARAMETER_TEXT, NULL \
	}
#define NUMBER(name)                         \
	{                                    \
		name, PARAMETER_NUMBER, NULL \
	}
#define CHOICE(name, values)                 \
	{                                    \
		name, PARAMETER_TEXT, values \
	}
#define TRUTH(name)                                 \
	{                                           \
		name, PARAMETER_TRUTH, "true false" \
	}
#define ALGORITHMS "aes-128-gcm aes-192-gcm aes-256-gcm chacha20-poly1305"
#define LIFETIME(kind)                                                     \
	NUMBER(kind "_lifetime.seconds"), NUMBER(kind "_lifetime.octets"), \
		NUMBER(kind "_lifetime.packets")
#define LIFETIMES LIFETIME("soft"), LIFETIME("hard")
#define MANUAL_KEYS CHOICE("manual_keys", "fresh-each-start journaled")
#define SA_NAME_PARAMETERS TEXT("tunnel"), CHOICE("direction", "in out"), NUMBER("spi")
#define KEY_PARAMETER                           \
	{                                       \
		"key_file", PARAMETER_KEY, NULL \
	}

static const struct parameter name_only[] = {TEXT("name"), {0}};
static const struct parameter tunnel[] = {TEXT("name"), TEXT("local"), TEXT("remote"), TEXT("port"),
	NUMBER("tcp_mss"), NUMBER("dscp"), CHOICE("ecn", "normal compat"), NUMBER("hop_limit"),
	TRUTH("pmtu_discovery"), NUMBER("mtu"), CHOICE("df", "set clear copy"), TEXT("probe.peer"),
	TEXT("probe.local"), NUMBER("probe.interval_ms"), NUMBER("probe.misses"),
	NUMBER("probe.answers"), {0}};
static const struct parameter sa[] = {SA_NAME_PARAMETERS, CHOICE("protocol", "vpe esp"),
	CHOICE("algorithm", ALGORITHMS), KEY_PARAMETER, MANUAL_KEYS, TEXT("local"), TEXT("remote"),
	TRUTH("esn"), NUMBER("sender_id"), NUMBER("replay_window"), NUMBER("windows"), LIFETIMES,
	{0}};
static const struct parameter rekey[] = {SA_NAME_PARAMETERS, KEY_PARAMETER, MANUAL_KEYS,
	CHOICE("algorithm", ALGORITHMS), LIFETIMES, {0}};
static const struct parameter update[] = {SA_NAME_PARAMETERS, TEXT("local"), TEXT("remote"), {0}};
static const struct parameter sa_name[] = {SA_NAME_PARAMETERS, {0}};
static const struct parameter policy[] = {TEXT("name"), TEXT("src"), TEXT("dst"), TEXT("protocol"),
	TEXT("src_port"), TEXT("dst_port"), CHOICE("action", "protect bypass discard"),
	TEXT("tunnel"), TEXT("before"), TRUTH("replace"), {0}};
static const struct parameter spi[] = {CHOICE("protocol", "vpe esp"), {0}};
static const struct parameter what[] = {CHOICE("what", "sas policies all"), TEXT("owner"), {0}};
static const struct parameter nothing[] = {{0}};

#define SA_WORDS "tunnel=NAME direction=in|out spi=N"

const struct vpectl_command vpectl_commands[] = {
	{API_SHOW_STATS, "", "totals: traffic, drops, kernel, ICMP, replay windows", stats_show,
		NULL},
	{API_SHOW_SA, "[NAME]", "security associations of all tunnels, or of the SA or tunnel NAME",
		sa_show, NULL},
	{API_SHOW_POLICY, "[NAME]", "security policies in their order, and how often each decided",
		policy_show, NULL},
	{API_SHOW_TUNNELS, "[NAME]",
		"tunnels, whether their other ends answer, routes that depend on it", tunnels_show,
		NULL},
	{API_SHOW_PORTS, "", "ports: devices, queues, steering, host interfaces, drops", ports_show,
		NULL},
	{API_SHOW_WORKERS, "", "workers: queues, load, hand-over between them, drops", workers_show,
		NULL},
	{API_SHOW_EVENTS, "", "the last auditable events", events_show, NULL},
	{API_MONITOR, "", "events as they happen, until interrupted", monitor, NULL},
	{API_ADD_TUNNEL, "name=NAME local=ADDRESS remote=ADDRESS port=PORT ...", "a new tunnel",
		NULL, tunnel},
	{API_DEL_TUNNEL, "name=NAME", "a tunnel and its SAs, if no policy names it", NULL,
		name_only},
	{API_ADD_SA, SA_WORDS " protocol=vpe|esp algorithm=ALGORITHM key_file=FILE ...",
		"a new SA; an outbound one takes the place of the one before", NULL, sa},
	{API_REKEY_SA, SA_WORDS " key_file=FILE ...",
		"a new SA like the newest of its tunnel, with another key", NULL, rekey},
	{API_UPDATE_SA, SA_WORDS " [local=ADDRESS] [remote=ADDRESS]",
		"an SA's outer addresses; key and counters stay", NULL, update},
	{API_DEL_SA, SA_WORDS, "an SA", NULL, sa_name},
	{API_ADD_POLICY, "name=NAME src=PREFIX dst=PREFIX action=ACTION [tunnel=NAME] ...",
		"a new policy, behind the others or before=NAME", NULL, policy},
	{API_DEL_POLICY, "name=NAME", "a policy", NULL, name_only},
	{API_ALLOC_SPI, "protocol=vpe|esp", "an inbound SPI that nobody else gets for a while",
		NULL, spi},
	{API_FLUSH, "what=sas|policies|all [owner=NAME]", "all of these, or of one owner's", NULL,
		what},
	{API_RELOAD, "", "the configuration file again: what differs is put in force", NULL,
		nothing},
	{"capture", "--point POINT ... FILE",
		"frames that pass the ports, as pcapng; for Wireshark", capture, NULL},
	{"profile", "on|off|show", "cycles a packet of each worker, stage by stage", profile, NULL},
	{"host-guard", "status|off",
		"what keeps the kernel from forwarding, without a daemon too; remove it",
		host_guard, NULL},
	{"genkey", "vpe|esp BITS FILE ...", "new keys in new files, as hex digits", genkey, NULL},
	{"self-test", "", "whether this machine's random numbers are any good", self_test, NULL},
	{API_KEY_REGISTER, "[--records N] FILE ...",
		"let the daemon use keys that nobody has used before, whether it runs or not",
		key_register, NULL},
	{"completion", "", "a script for bash that completes all this", completion, NULL},
};
const unsigned vpectl_commands_n = sizeof(vpectl_commands) / sizeof(vpectl_commands[0]);

const struct vpectl_command *vpectl_find(const char *name)
{
	for (unsigned i = 0; i < vpectl_commands_n; i++)
		if (strcmp(vpectl_commands[i].name, name) == 0)
			return &vpectl_commands[i];
	return NULL;
}
