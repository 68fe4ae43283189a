// Services as users have them: the OpenTelemetry SDK of npm, its Zipkin exporter, a DogStatsD client.
// node senders.cjs KIND: http/protobuf, http/json, grpc, zipkin, dogstatsd. Where to send stands in the environment.
const kind = process.argv[2];

async function requests(exporter, metrics) {
  const { NodeSDK, resources } = require('@opentelemetry/sdk-node');
  const { trace, SpanStatusCode, SpanKind } = require('@opentelemetry/api');
  const options = { traceExporter: exporter };
  if (metrics) options.metricReaders = [metrics];
  const sdk = new NodeSDK(options);
  sdk.start();
  const tracer = trace.getTracer('peers');
  await tracer.startActiveSpan('POST /tools/invoke', { kind: SpanKind.SERVER }, async (root) => {
    root.setAttributes({ 'http.request.method': 'POST', 'http.route': '/tools/invoke', 'peer.kind': kind });
    await tracer.startActiveSpan('query', { kind: SpanKind.CLIENT }, async (query) => {
      query.setAttributes({ 'db.system.name': 'postgresql', 'db.query.text': 'SELECT 1', rows: 3, list: ['a', 'b'] });
      query.addEvent('fetched', { many: true });
      query.setStatus({ code: SpanStatusCode.ERROR, message: 'too slow' });
      await new Promise((done) => setTimeout(done, 20));
      query.end();
    });
    root.end();
  });
  if (metrics) {
    const { metrics: api } = require('@opentelemetry/api');
    const meter = api.getMeter('peers');
    meter.createCounter('orders.placed', { unit: '{order}' }).add(3, { shop: 'eu' });
    meter.createHistogram('orders.wait', { unit: 'ms' }).record(120, { shop: 'eu' });
    meter.createGauge('orders.open').record(7);
  }
  await sdk.shutdown();
}

async function main() {
  if (kind === 'http/protobuf') {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
    const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-proto');
    const { PeriodicExportingMetricReader } = require('@opentelemetry/sdk-node').metrics;
    await requests(new OTLPTraceExporter({ compression: 'gzip' }),
      new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ compression: 'gzip' }), exportIntervalMillis: 1000 }));
  } else if (kind === 'http/json') {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
    await requests(new OTLPTraceExporter());
  } else if (kind === 'grpc') {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
    await requests(new OTLPTraceExporter({ compression: 'gzip' }));
  } else if (kind === 'zipkin') {
    const { ZipkinExporter } = require('@opentelemetry/exporter-zipkin');
    await requests(new ZipkinExporter());
  } else if (kind === 'dogstatsd') {
    const StatsD = require('hot-shots');
    const client = new StatsD({ host: process.env.STATSD_HOST, port: Number(process.env.STATSD_PORT), globalTags: { shop: 'eu' } });
    client.increment('pages', 3);
    client.gauge('users', 42);
    client.timing('page.load', 250, { path: '/a' });
    client.distribution('sizes', 1024);
    client.set('visitors', 'ann');
    await new Promise((done) => client.close(done));
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
