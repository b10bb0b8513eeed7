/** `created_at`, `createdAt` and `Created-At` are one name. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** A collection's name for one of its things: `invoices` → `invoice`, `categories` → `category`. */
export function singular(name: string): string {
  if (/ies$/i.test(name)) return name.replace(/ies$/i, 'y');
  if (/(ss|us)$/i.test(name)) return name;
  if (/(ches|shes|xes|sses)$/i.test(name)) return name.replace(/es$/i, '');
  return name.replace(/s$/i, '');
}
