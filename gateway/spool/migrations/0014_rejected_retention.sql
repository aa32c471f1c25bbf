-- The bytes of a corrected acquisition may go like others: its successor has them under a name of its own. Nothing more
-- is done for the deliveries of its object, so they count as settled; the notes about it must be proven like any object.

DROP VIEW standing;
CREATE VIEW standing (acquisition, since_us) AS
    SELECT delivery.acquisition, max(CASE WHEN delivery.rejected_us IS NOT NULL THEN delivery.rejected_us
        WHEN delivery.state = 'committed' THEN max(delivery.stored_us, delivery.committed_us)
        ELSE delivery.stored_us END)
    FROM delivery JOIN acquisition ON acquisition.id = delivery.acquisition
    LEFT JOIN proof_policy ON proof_policy.destination = delivery.destination
    WHERE acquisition.state = 'assembled' AND acquisition.source_bytes_kept = 1
    AND NOT EXISTS (SELECT 1 FROM rejection_note
        WHERE rejection_note.acquisition = delivery.acquisition AND rejection_note.state <> 'made')
    GROUP BY delivery.acquisition
    HAVING min(delivery.state = 'committed'
        OR delivery.state = 'stored' AND coalesce(proof_policy.proof, 'status') = 'status'
        OR delivery.rejected_us IS NOT NULL AND delivery.state IN ('stored', 'dropped')
            AND acquisition.corrected_by IS NOT NULL);
