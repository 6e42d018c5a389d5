// vpectl host-guard: asks the kernel, not the daemon, which need not run.
#include "vpectl/host_guard.h"
#include "base/nft.h"
#include "ctl/api.h"
#include "vpectl/vpectl.h"

#include <stdio.h>
#include <string.h>

static void print_names(const char *title, const json_t *names)
{
	const char *separator = " ";
	const json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return;
	fputs(title, stdout);
	json_array_foreach(names, i, name)
	{
		printf("%s%s", separator, json_string_value(name));
		separator = ", ";
	}
	putchar('\n');
}

static void print_json(json_t *object)
{
	vpectl_print_json(object);
	json_decref(object);
}

static void print_status(const struct guard_status *status, bool intact)
{
	const json_t *fault;
	size_t i;

	printf("host guard: %s\n",
		intact			    ? "installed"
			: status->installed ? "incomplete"
					    : "not installed");
	json_array_foreach(status->faults, i, fault) printf("  %s\n", json_string_value(fault));
	print_names("the kernel forwards nothing in or out by:", status->not_forwarded);
	print_names("the kernel receives and sends nothing by:", status->devices);
}

static enum vpectl_exit fail(const struct error *err)
{
	fprintf(stderr, "vpectl: %s\n", err->text);
	return VPECTL_NO_CONNECTION;
}

static enum vpectl_exit show_status(const struct vpectl *ctl)
{
	struct guard_status status;
	struct error err;
	int ret = guard_status_read(&status, &err);
	bool intact = status.installed && json_array_size(status.faults) == 0;

	if (ret == 0 && ctl->json)
		print_json(json_pack("{s:b, s:b, s:O, s:O, s:O}", "installed", status.installed,
			"intact", intact, "not_forwarded", status.not_forwarded, "devices",
			status.devices, "faults", status.faults));
	else if (ret == 0)
		print_status(&status, intact);
	guard_status_clear(&status);
	if (ret < 0)
		return fail(&err);
	return intact ? VPECTL_OK : VPECTL_REFUSED;
}

// Adding first makes deleting succeed where there is nothing: one transaction, whatever is there.
static enum vpectl_exit remove_guard(const struct vpectl *ctl)
{
	static const char commands[] = "add table inet " HOST_GUARD_TABLE "\n"
				       "delete table inet " HOST_GUARD_TABLE "\n"
				       "add table netdev " HOST_GUARD_TABLE "\n"
				       "delete table netdev " HOST_GUARD_TABLE "\n";
	struct error err;

	if (nft_run(commands, NULL, &err) < 0)
		return fail(&err);
	if (ctl->json)
		print_json(json_pack("{s:b}", "installed", false));
	else
		puts("host guard: removed; vped installs it again at its next start");
	return VPECTL_OK;
}

enum vpectl_exit host_guard(const struct vpectl *ctl, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "status") == 0)
		return show_status(ctl);
	if (argc == 1 && strcmp(argv[0], "off") == 0)
		return remove_guard(ctl);
	fputs("vpectl: host-guard takes status or off\n", stderr);
	return VPECTL_USAGE;
}
