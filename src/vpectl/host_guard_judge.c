// Faults are what lets the kernel at the gateway's traffic, and what does not fit together.
#include "vpectl/host_guard.h"

#include <net/if.h>

#define FORWARDS ": the kernel forwards there"

static void add_fault(struct guard_status *status, const char *name, const char *text)
{
	json_array_append_new(status->faults, json_sprintf("%s%s", name, text));
}

static bool has(const json_t *names, const json_t *name)
{
	const json_t *at;
	size_t i;

	json_array_foreach(names, i, at)
	{
		if (json_equal(at, name))
			return true;
	}
	return false;
}

static bool has_name(const json_t *names, const char *text)
{
	json_t *name = json_string(text);
	bool found = has(names, name);

	json_decref(name);
	return found;
}

static void judge_device(struct guard_status *status, const char *device)
{
	if (!has_name(status->not_forwarded, device))
		add_fault(status, device, FORWARDS);
	if (if_nametoindex(device) == 0) {
		add_fault(status, device, ": there is no interface of this name");
		return;
	}
	if (!has_name(status->indexes, device))
		add_fault(status, device, ": is not the interface that was guarded");
	if (!json_object_get(status->ingress, device))
		add_fault(status, device, ": the kernel receives what arrives there");
	if (!json_object_get(status->egress, device))
		add_fault(status, device, ": what the host has on top of it sends there");
}

// What is known of an interface stands in several places: each accounts for the others.
static void judge_records(struct guard_status *status)
{
	const char *device;
	json_t *name, *hooked;
	size_t i;

	json_array_foreach(status->interfaces, i, name)
	{
		if (!has(status->not_forwarded, name))
			add_fault(status, json_string_value(name), FORWARDS);
	}
	json_array_foreach(status->not_forwarded, i, name)
	{
		if (!has(status->interfaces, name) && !has(status->devices, name))
			add_fault(status, json_string_value(name),
				": neither a host interface nor a port's device is known by this "
				"name");
	}
	json_object_foreach(status->ingress, device, hooked)
	{
		if (!has_name(status->devices, device))
			add_fault(status, device, ": the rules for IP do not know it");
	}
	if (json_array_size(status->not_forwarded) + json_array_size(status->interfaces) +
			json_array_size(status->devices) ==
		0)
		add_fault(status, "", "no interface is guarded");
}

static void judge_index(struct guard_status *status, const json_t *index)
{
	const char *name = json_string_value(index);

	if (if_nametoindex(name) != 0 && !has(status->devices, index) &&
		!json_object_get(status->ingress, name))
		add_fault(status, name, ": had another name when it was guarded");
}

void guard_status_judge(struct guard_status *status)
{
	json_t *name;
	size_t i;

	if (!status->forward || !status->arrive || !status->output ||
		status->rules != GUARD_RULES || status->strange ||
		json_object_size(status->policies_reached) == 0 ||
		!json_equal(status->policies_reached, status->policies_whole))
		add_fault(status, "", "the rules are not those that vped installs");
	json_array_foreach(status->devices, i, name) judge_device(status, json_string_value(name));
	json_array_foreach(status->indexes, i, name) judge_index(status, name);
	judge_records(status);
}
