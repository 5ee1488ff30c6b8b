"""Times, sizes and errors beside others' tools: a table and a JSON file each."""
