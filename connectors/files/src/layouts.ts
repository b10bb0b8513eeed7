import type { CsvLayout } from './layout.ts';

/** What the files of each event look like: the one place that knows the old format. */
export const eventLayouts: Readonly<Record<string, CsvLayout>> = {
  parcelDelivered: {
    delimiter: ';',
    encoding: 'windows-1252',
    columns: {
      Sendungsnummer: { field: 'parcelId', is: 'text' },
      Auftrag: { field: 'orderId', is: 'text' },
      Zugestellt: { field: 'deliveredOn', is: 'date', pattern: 'dd.MM.yyyy' },
      Gewicht: { field: 'weightKg', is: 'number', decimal: ',', group: '.' },
      Unterschrift: { field: 'isSigned', is: 'boolean', true: 'J', false: 'N' },
      Bemerkung: { field: 'note', is: 'text', mayBeEmpty: true },
    },
  },
};

/** And those that operations write. */
export const operationLayouts: Readonly<Record<string, CsvLayout>> = {
  writeSettlement: {
    delimiter: ',',
    columns: {
      order_id: { field: 'orderId', is: 'text' },
      amount: { field: 'amount', is: 'number', decimal: '.' },
      currency: { field: 'currency', is: 'text' },
      paid_on: { field: 'paidOn', is: 'date', pattern: 'yyyy-MM-dd' },
    },
  },
};
