import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** Instruments of a service, and how they are read. Names are given without the prefix. */
export class Metrics {
  readonly meter: Meter;
  readonly #exporter: PrometheusExporter;
  readonly #provider: MeterProvider;

  /** `prefix` ("myelin") goes in front of every name, with an underscore. */
  constructor(prefix: string) {
    this.#exporter = new PrometheusExporter({ prefix, preventServerStart: true, withoutScopeInfo: true, withoutTargetInfo: true });
    this.#provider = new MeterProvider({ readers: [this.#exporter] });
    this.meter = this.#provider.getMeter('myelin');
    this.#observeProcess();
  }

  /** Answers with all instruments in Prometheus' text format. */
  respond(request: IncomingMessage, response: ServerResponse): void {
    this.#exporter.getMetricsRequestHandler(request, response);
  }

  async close(): Promise<void> {
    await this.#provider.shutdown();
  }

  #observeProcess(): void {
    this.meter
      .createObservableGauge('process_resident_memory_bytes', { description: 'Resident memory of the process', unit: 'By' })
      .addCallback((result) => result.observe(process.memoryUsage.rss()));
    this.meter
      .createObservableCounter('process_cpu_seconds', { description: 'CPU time of the process, user and system', unit: 's' })
      .addCallback((result) => {
        const { user, system } = process.cpuUsage();
        result.observe((user + system) / 1e6);
      });
  }
}
