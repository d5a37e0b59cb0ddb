-- A row that was edited by hand is not moved on before the crate has looked at it.
head.seal = {seal_of_head}
-- So written, its last event is looked up in the index. With EXISTS, the server may read all events
-- into a table of hashes, in each statement.
AND (
    SELECT true FROM certlife_event last
    WHERE last.uuid = head.uuid AND last.version = head.version
        AND last.kind = head.status AND last.at = head.updated_at
        AND last.transaction = head.transaction
        -- Only rejections and failures have a text.
        AND (last.text IS NOT NULL) = (head.status IN (3, 4))
)
