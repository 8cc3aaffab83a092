"""What goes together, asked as early as it can be told, and refused in one sentence.

    config.check_config    of the configuration alone
    data.check_data        of the data, too
    model.check_model      of the model that was built of them

What a part alone can tell, as which values a likelihood takes, the part is asked.
"""
