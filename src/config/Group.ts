/** Group: topics and timeouts of a group, from the settings together with the connection: Event Hubs' preset fills what was not given. */
import type { Connection } from "./Connection.ts"
import { eventHubsTimeouts } from "./EventHubs.ts"
import type { Resolved } from "./Resolve.ts"
import type { group } from "./Settings.ts"

type Given<K extends keyof typeof group> = Pick<Resolved<Pick<typeof group, K>>, "values" | "origin">

/** The hub of the connection string is the topic where no other is named. */
export const readTopics = ({ values, origin }: Given<"topic">, { eventHubs }: Connection): ReadonlyArray<string> =>
  origin("topic") === "default" && eventHubs?.topic !== undefined ? [eventHubs.topic] : values.topic

export const readSessionTimeout = ({ values, origin }: Given<"sessionTimeout">, { eventHubs }: Connection): number =>
  origin("sessionTimeout") === "default" && eventHubs !== undefined
    ? eventHubsTimeouts.sessionTimeout
    : values.sessionTimeout
