/** The last `size` values made for a key; a value that could not be made is forgotten. */
export function recent<Value>(size: number, make: (key: string) => Promise<Value>) {
  const values = new Map<string, Promise<Value>>();
  return (key: string): Promise<Value> => {
    const known = values.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    values.set(key, made);
    made.catch(() => values.delete(key));
    if (values.size > size) values.delete(values.keys().next().value ?? "");
    return made;
  };
}

/** One reading for all who ask within a turn of the event loop; it begins after each of them asked. */
export function together<Value>(read: (key: string) => Promise<Value>) {
  const asked = new Map<string, Promise<Value>>();
  return (key: string): Promise<Value> => {
    const waiting = asked.get(key);
    if (waiting !== undefined) return waiting;
    const answer = new Promise<void>((go) => setImmediate(go)).then(() => {
      asked.delete(key);
      return read(key);
    });
    asked.set(key, answer);
    return answer;
  };
}
