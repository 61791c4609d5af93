"""What each call of the client is about, by hand: a test asks where the news of the client's next release belong."""

from __future__ import annotations

from typing import Final

METHODS: Final[dict[str, str]] = {
    "Repos": """
        create_repo delete_repo move_repo duplicate_repo update_repo_settings repo_info model_info dataset_info
        space_info repo_exists revision_exists file_exists resolve_revision auth_check list_models list_datasets
        list_spaces list_user_repos get_model_tags get_dataset_tags get_full_repo_name search_spaces
        list_space_templates list_liked_repos list_repo_likers unlike
    """,
    "Content": """
        create_commit preupload_lfs_files upload_file upload_folder copy_files delete_file delete_files delete_folder
        create_branch delete_branch create_tag delete_tag list_repo_refs list_repo_commits list_repo_files
        list_repo_tree get_paths_info super_squash_history list_lfs_files permanently_delete_lfs_files hf_hub_download
        snapshot_download get_hf_file_metadata verify_repo_checksums get_safetensors_metadata
        parse_safetensors_file_metadata get_sharded_safetensors_metadata
    """,
    "Discussions and pull requests": """
        create_discussion create_pull_request get_repo_discussions get_discussion_details comment_discussion
        edit_discussion_comment hide_discussion_comment rename_discussion change_discussion_status merge_pull_request
        upload_attachment
    """,
    "Access to gated repos": """
        list_pending_access_requests list_accepted_access_requests list_rejected_access_requests accept_access_request
        cancel_access_request reject_access_request grant_access
    """,
    "People and organisations": """
        whoami get_user_overview list_user_followers list_user_following get_organization_overview
        list_organization_members list_organization_followers
    """,
    "Spaces": """
        get_space_runtime wait_for_space pause_space restart_space request_space_hardware set_space_sleep_time
        list_spaces_hardware get_space_variables add_space_variable delete_space_variable get_space_secrets
        add_space_secret delete_space_secret set_space_volumes delete_space_volumes fetch_space_logs
        enable_space_dev_mode disable_space_dev_mode get_zero_gpu_quota
    """,
    "Buckets": """
        create_bucket bucket_info list_buckets update_bucket_settings move_bucket delete_bucket batch_bucket_files
        list_bucket_tree get_bucket_paths_info get_bucket_file_metadata download_bucket_files sync_bucket
    """,
    "Collections": """
        list_collections get_collection create_collection update_collection_metadata update_collection_resource_group
        delete_collection add_collection_item update_collection_item delete_collection_item
    """,
    "Webhooks": """
        list_webhooks get_webhook create_webhook update_webhook enable_webhook disable_webhook delete_webhook
    """,
    "Jobs": """
        run_job run_uv_job rerun_job list_jobs list_jobs_hardware inspect_job wait_for_job cancel_job fetch_job_logs
        fetch_job_metrics update_job_expose update_job_labels sync_job_volume create_scheduled_job
        create_scheduled_uv_job list_scheduled_jobs inspect_scheduled_job suspend_scheduled_job resume_scheduled_job
        trigger_scheduled_job delete_scheduled_job update_scheduled_job_labels update_scheduled_job_schedule
    """,
    "Papers, kernels, leaderboards": """
        list_papers list_daily_papers paper_info read_paper kernel_info get_dataset_leaderboard
    """,
    "Inference endpoints": """
        list_inference_endpoints get_inference_endpoint create_inference_endpoint update_inference_endpoint
        create_inference_endpoint_from_catalog delete_inference_endpoint pause_inference_endpoint
        resume_inference_endpoint scale_to_zero_inference_endpoint list_inference_catalog
        list_inference_endpoints_hardware
    """,
    "Dataset viewer": "list_dataset_parquet_files",
    "On the person's own machine": "run_as_future",
}

COMMANDS: Final[dict[str, str]] = {
    "Repos": """
        repos create, repos delete, repos duplicate, repos list, repos move, repos settings, models card, models info,
        models list, datasets card, datasets info, datasets list, spaces card, spaces info, spaces list, spaces search,
        spaces templates
    """,
    "Content": """
        upload, download, cp, repos cp, repos delete-files, repos branch create, repos branch delete, repos tag create,
        repos tag delete, repos tag list, cache verify, lfs-enable-largefiles, lfs-multipart-upload
    """,
    "Discussions and pull requests": """
        discussions create, discussions list, discussions info, discussions comment, discussions edit,
        discussions rename, discussions close, discussions reopen, discussions merge, discussions diff
    """,
    "People and organisations": "auth login, auth logout, auth list, auth switch, auth token, auth whoami",
    "Spaces": """
        spaces wait, spaces logs, spaces pause, spaces restart, spaces hardware, spaces settings, spaces secrets add,
        spaces secrets list, spaces secrets delete, spaces variables add, spaces variables list,
        spaces variables delete, spaces volumes set, spaces volumes list, spaces volumes delete, spaces hot-reload,
        spaces dev-mode, spaces ssh, spaces zero-gpu quota
    """,
    "Buckets": """
        buckets create, buckets delete, buckets info, buckets list, buckets move, buckets remove, buckets settings,
        buckets cp, buckets sync, sync
    """,
    "Collections": """
        collections list, collections info, collections create, collections update, collections delete,
        collections add-item, collections update-item, collections delete-item
    """,
    "Webhooks": """
        webhooks list, webhooks info, webhooks create, webhooks update, webhooks enable, webhooks disable,
        webhooks delete
    """,
    "Jobs": """
        jobs run, jobs uv run, jobs rerun, jobs list, jobs hardware, jobs inspect, jobs wait, jobs cancel, jobs logs,
        jobs stats, jobs expose, jobs labels, jobs ssh, jobs scheduled run, jobs scheduled uv run, jobs scheduled list,
        jobs scheduled inspect, jobs scheduled suspend, jobs scheduled resume, jobs scheduled trigger,
        jobs scheduled delete, jobs scheduled labels, jobs scheduled reschedule, sandbox create, sandbox exec,
        sandbox cp, sandbox kill, sandbox spawn, sandbox process ls, sandbox process kill, sandbox pool create,
        sandbox pool delete, sandbox pool ls
    """,
    "Papers, kernels, leaderboards": "papers list, papers search, papers info, papers read, datasets leaderboard",
    "Inference endpoints": """
        endpoints list, endpoints describe, endpoints deploy, endpoints update, endpoints delete, endpoints pause,
        endpoints resume, endpoints scale-to-zero, endpoints hardware, endpoints catalog list,
        endpoints catalog deploy, endpoints list-catalog
    """,
    "Dataset viewer": "datasets parquet, datasets sql",
    "On the person's own machine": """
        cache list, cache prune, cache rm, env, version, update, extensions exec, extensions install, extensions list,
        extensions remove, extensions search, extensions update, skills add, skills list, skills preview, skills update
    """,
}

ELSEWHERE: Final[dict[str, tuple[str, str]]] = {  # areas whose calls never reach a hub: (word of the table, why)
    "Inference endpoints": ("elsewhere", "The client asks a service of the public Hub, whatever `HF_ENDPOINT` says."),
    "Dataset viewer": ("elsewhere", "The client asks a service of the public Hub, whatever `HF_ENDPOINT` says."),
    "On the person's own machine": ("no hub", "These ask no hub, or GitHub and PyPI."),
}


NOTES: Final[dict[str, str]] = {  # of calls that are not offered, and yet do something
    "hf spaces hot-reload": "the commit is made and deployed like any other",
}


def calls() -> dict[str, dict[str, tuple[str, ...]]]:
    """Area → kind of call → names, as tests and table write them: `HfApi.create_repo`, `hf repos create`."""
    found: dict[str, dict[str, tuple[str, ...]]] = {area: {} for area in (*METHODS, *COMMANDS)}
    for area, names in METHODS.items():
        found[area]["methods"] = tuple(f"HfApi.{name}" for name in names.split())
    for area, names in COMMANDS.items():
        found[area]["commands"] = tuple(f"hf {' '.join(name.split())}" for name in names.split(","))
    return found
