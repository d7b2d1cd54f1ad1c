import type { ServiceKind } from "./manifest.js";

const known: readonly (readonly [ServiceKind, readonly string[]])[] = [
  [
    "database",
    [
      "postgres postgresql postgis pgvector timescaledb mysql mariadb percona mongo mongodb cassandra scylla cockroach",
      "clickhouse-server clickhouse couchdb couchbase neo4j influxdb elasticsearch opensearch arangodb questdb",
      "rethinkdb surrealdb mssql server-mssql etcd dynamodb-local firebird tarantool meilisearch typesense qdrant weaviate",
    ],
  ],
  ["cache", ["redis valkey memcached keydb dragonfly redis-stack redis-stack-server hazelcast varnish"]],
  [
    "queue",
    [
      "rabbitmq nats nats-streaming kafka cp-kafka redpanda zookeeper activemq pulsar mosquitto beanstalkd nsqd",
    ],
  ],
  [
    "web",
    [
      "nginx nginx-unprivileged httpd caddy wordpress ghost drupal joomla nextcloud odoo phpmyadmin adminer pgadmin4 grafana",
    ],
  ],
];
const kindOfImage = new Map(
  known.flatMap(([kind, names]) =>
    names.flatMap((line) => line.split(" ")).map((name) => [name, kind] as const),
  ),
);

/** What an image of a well-known name is for: `docker.io/library/postgres:16-alpine` is a database. */
export function kindOf(image: string): ServiceKind | undefined {
  const name = image.split("@")[0]?.split("/").at(-1)?.split(":")[0]?.toLowerCase() ?? "";
  return kindOfImage.get(name);
}
