/** `kafka2prom/kafka`: the log of a Kafka cluster or of Event Hubs. The only entry, with the programs, that loads kafkajs. */
export type { KafkaOptions, SaslMechanism } from "./connection/KafkaOptions.ts"
export { KafkaTransport } from "./KafkaTransport.ts"
