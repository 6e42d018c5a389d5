// show-events: the last auditable events, oldest first.
#include "ctl/audit.h"
#include "ctl/gateway.h"
#include "ctl/show.h"

#include <errno.h>

static void add_event(json_t *shown, const struct gateway *gateway, const struct audit_event *event)
{
	json_object_set_new(shown, "port", json_string(gateway->dp->port[event->port].name));
	if (event->has & AUDIT_HAS_SPI)
		json_object_set_new(shown, "spi", json_integer(event->spi));
	if (event->has & AUDIT_HAS_SEQ)
		json_object_set_new(shown, "sequence", show_sequence(event->seq));
	if (event->has & AUDIT_HAS_TUNNEL && gateway->tunnel[event->tunnel])
		json_object_set_new(
			shown, "tunnel", json_string(gateway->tunnel[event->tunnel]->name));
	json_object_set_new(shown, "source", show_addr(&event->source));
	json_object_set_new(shown, "destination", show_addr(&event->destination));
	json_object_set_new(shown, "protocol", json_integer(event->protocol));
	if (event->has & AUDIT_HAS_PORTS) {
		json_object_set_new(shown, "source_port", json_integer(event->source_port));
		json_object_set_new(
			shown, "destination_port", json_integer(event->destination_port));
	}
	if (event->source.family == IP_V6)
		json_object_set_new(shown, "flow_label", json_integer(event->flow_label));
}

json_t *show_event(const struct gateway *gateway, const struct audit_record *record)
{
	enum drop_reason reason = audit_reason(record->kind);
	json_t *shown = json_pack("{s:I, s:f, s:s, s:s}", "id", (json_int_t)record->id, "time",
		(double)record->unix_ms / 1000, "kind", drop_name(reason), "text",
		drop_text(reason));

	if (record->more > 0)
		json_object_set_new(shown, "more", show_counter(record->more));
	else
		add_event(shown, gateway, &record->event);
	return shown;
}

int show_events(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	json_int_t since = json_integer_value(json_object_get(arguments, "since"));
	uint64_t newest = audit_newest(gateway->audit);
	uint64_t oldest = newest >= AUDIT_RECORDS ? newest - AUDIT_RECORDS + 1 : 1;
	json_t *list;

	if (since < 0)
		return error_set(err, EINVAL, "show-events: \"since\" is the id of an event");
	if ((uint64_t)since >= oldest)
		oldest = (uint64_t)since + 1;
	list = json_array();
	for (uint64_t id = oldest; id <= newest; id++)
		json_array_append_new(list, show_event(gateway, audit_find(gateway->audit, id)));
	*result = json_pack("{s:o}", "events", list);
	return *result ? 0 : -ENOMEM;
}
